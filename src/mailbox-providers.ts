/**
 * Who runs which mailboxes, as data: recipient domains, and the hosts that MX records name. Reviewed 2026-11.
 * A provider's name is the value of the label `provider`: a rename is a breaking change.
 */

/** Recipient domains of each provider. A domain of a customer (Workspace, Microsoft 365) is known by its MX only. */
export const DOMAINS: Readonly<Record<string, string>> = {
  google: 'gmail.com googlemail.com',
  microsoft_consumer:
    'outlook.com hotmail.com live.com msn.com passport.com windowslive.com hotmail.co.uk hotmail.fr hotmail.de ' +
    'hotmail.it hotmail.es live.co.uk live.fr live.nl outlook.fr outlook.de outlook.es outlook.jp',
  yahoo:
    'yahoo.com aol.com att.net comcast.net verizon.net ymail.com rocketmail.com myyahoo.com aim.com yahoo.co.uk ' +
    'yahoo.fr yahoo.de yahoo.it yahoo.es yahoo.ca yahoo.com.br yahoo.com.au yahoo.co.in yahoo.in frontier.com ' +
    'rogers.com sky.com ameritech.net bellsouth.net currently.com flash.net nvbell.net pacbell.net prodigy.net ' +
    'sbcglobal.net snet.net swbell.net wans.net worldnet.att.net',
  yahoo_jp: 'yahoo.co.jp ymail.ne.jp',
  apple: 'icloud.com me.com mac.com privaterelay.appleid.com',
  gmx_webde:
    'gmx.at gmx.ch gmx.co.uk gmx.com gmx.de gmx.es gmx.eu gmx.fr gmx.net gmx.org gmx.us web.de mail.com usa.com',
  orange: 'orange.fr wanadoo.fr',
  t_online: 't-online.de magenta.de',
  mail_ru: 'mail.ru inbox.ru list.ru bk.ru internet.ru',
  yandex: 'yandex.ru yandex.com ya.ru',
  tencent: 'qq.com foxmail.com vip.qq.com',
  netease: '163.com 126.com yeah.net vip.163.com',
  naver: 'naver.com',
  proton: 'proton.me protonmail.com pm.me',
};

/**
 * Brands with a domain in many countries: `yahoo.*` is Yahoo's, but not yahoo.co.jp, which stands above and is looked up
 * first. Only the name, a country's second level and its top level: yahoo.example.com is somebody else.
 */
export const BRANDS: Readonly<Record<string, string>> = {
  yahoo: 'yahoo',
  hotmail: 'microsoft_consumer',
  live: 'microsoft_consumer',
  outlook: 'microsoft_consumer',
  gmx: 'gmx_webde',
};

/** Suffixes of MX hosts of each provider; of two that fit, the longer one decides. */
export const MX_SUFFIXES: Readonly<Record<string, string>> = {
  microsoft_365:
    'mail.protection.partner.outlook.cn mail.protection.office365.us mail.protection.outlook.com mx.microsoft',
  microsoft_consumer: 'olc.protection.outlook.com',
  earthlink: 'earthlink-vadesecure.net earthlink.net',
  namecheap: 'registrar-servers.com privateemail.com',
  mimecast: 'mimecast-offshore.com mimecast.co.za mimecast.com',
  barracuda: 'barracudanetworks.com',
  fastmail: 'messagingengine.com',
  trendmicro: 'tmes.trendmicro.com tmes.trendmicro.eu',
  hornetsecurity: 'hornetsecurity.com antispameurope.com',
  cloudflare: 'mx.cloudflare.net',
  spamexperts: 'antispamcloud.com spamexperts.com spamexperts.eu mtaroutes.com',
  yahoo_jp: 'mail.yahoo.co.jp',
  virgin: 'blueyonder.co.uk virginmedia.com',
  godaddy: 'secureserver.net',
  forwardemail: 'forwardemail.net',
  sophos: 'hydra.sophos.com',
  fireeye: 'fireeyecloud.com',
  cloudfilter: 'cloudfilter.net',
  ionos: 'kundenserver.de perfora.net ionos.com 1and1.com ionos.de',
  optus: 'optusnet.com.au',
  symantec: 'messagelabs.com',
  forcepoint: 'mailcontrol.com',
  google: 'googlemail.com google.com',
  softbank: 'softbank.ne.jp softbank.jp',
  rediff: 'rediffmail.com rediff.com',
  telenet: 'telenet-ops.be telenet.be',
  netvigator: 'netvigator.com',
  windstream: 'windstream.net',
  vade: 'vadesecure.com',
  infomaniak: 'infomaniak.com infomaniak.ch',
  proofpoint_essentials: 'ppe-hosted.com',
  tim_it: 'aliceposta.it tim.it',
  alibaba: 'mxhichina.com aliyun.com',
  bt: 'cpcloud.co.uk bt.com',
  proton: 'protonmail.ch proton.me',
  hostinger: 'hostinger.com titan.email',
  rackspace: 'emailsrvr.com',
  amazon_inbound: 'amazonaws.com awsapps.com',
  proofpoint: 'gpphosted.com pphosted.com',
  yahoo: 'yahoodns.net',
  docomo: 'docomo.ne.jp',
  ovh: 'mail.ovh.net ovh.net',
  improvmx: 'improvmx.com',
  comcast: 'comcast.net',
  spectrum: 'charter.net twc.com rr.com',
  t_online: 't-online.de',
  laposte: 'laposte.net',
  libero: 'virgilio.it libero.it iol.it',
  netease: 'netease.com',
  sina: 'sina.com.cn',
  daum: 'hanmail.net kakao.com daum.net',
  kddi: 'ezweb.ne.jp au.com',
  proximus: 'proximus.be skynet.be',
  telstra: 'bigpond.com telstra.com',
  tuta: 'tutanota.de tuta.com',
  mailbox_org: 'mailbox.org',
  retarus: 'retarus.com',
  apple: 'icloud.com',
  orange: 'wanadoo.fr orange.fr',
  free_fr: 'proxad.net free.fr',
  yandex: 'yandex.net yandex.ru',
  rambler: 'rambler.ru',
  uol: 'uol.com.br',
  interia: 'interia.pl',
  kpn: 'kpnmail.nl',
  bluewin: 'bluewin.ch',
  appriver: 'arsmtp.com',
  naver: 'naver.com',
  terra: 'terra.com',
  seznam: 'seznam.cz',
  posteo: 'posteo.de',
  gandi: 'gandi.net',
  cisco: 'iphmx.com',
  gmx_webde: 'mail.com gmx.net gmx.com web.de',
  ziggo: 'ziggo.nl',
  zoho: 'zoho.com zoho.eu zoho.in',
  strato: 'rzone.de',
  cox: 'cox.net',
  sfr: 'neuf.fr sfr.fr',
  mail_ru: 'mail.ru',
  onet: 'onet.pl',
  one_com: 'one.com',
  tencent: 'qq.com',
  wp_pl: 'wp.pl o2.pl',
};
