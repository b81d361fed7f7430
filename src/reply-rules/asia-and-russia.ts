/** Replies of Mail.ru, Yandex, Tencent (QQ), NetEase (163, 126), Naver and others east of Europe. */
import type { Rows } from './row.ts';

export const mailRu: Rows = {
  dynamic: {
    says: 'hosts with dynamic ip',
    reason: 'dns_ptr',
    sample: '550 We do not accept mail from hosts with dynamic IP or generic dns PTR-records.',
  },
  disabled: {
    says: 'invalid mailbox + account is disabled',
    reason: 'inactive_mailbox',
    sample: '550 Not accepted -- invalid mailbox. Local mailbox a@mail.ru: account is disabled',
  },
  'no-user': {
    says: 'not accepted invalid mailbox',
    reason: 'invalid_recipient',
    sample: '550 Message was not accepted -- invalid mailbox. a@mail.ru: user not found',
  },
  'access-blocked': {
    says: 'access from ip address + blocked',
    reason: 'reputation_block',
    sample: '550 Access from ip address 192.0.2.10 blocked. Visit https://postmaster.mail.ru/',
  },
};

export const yandex: Rows = {
  'target-policy': {
    says: 'policy rejection on the target address',
    reason: 'inactive_mailbox',
    sample: '554 5.7.1 Policy rejection on the target address',
  },
  suspicion: {
    says: 'suspicion of spam',
    reason: 'content_spam',
    sample: '554 5.7.1 [1] Message rejected under suspicion of SPAM; https://ya.cc/1abc',
  },
  busy: {
    says: 'service is currently unavailable + come back later',
    reason: 'throttle',
    sample: '451 4.7.1 Sorry, the service is currently unavailable. Please come back later.',
  },
};

export const tencent: Rows = {
  'domain-frequency': {
    says: 'domain frequency limited',
    reason: 'throttle',
    scope: 'domain',
    sample: '550 Domain frequency limited. https://service.mail.qq.com/detail/122/173',
  },
  'ip-frequency': {
    says: 'ip frequency limited',
    reason: 'throttle',
    sample: '550 Ip frequency limited. https://service.mail.qq.com/detail/122/172',
  },
  'connection-frequency': {
    says: 'connection frequency limited',
    reason: 'throttle',
    scope: 'connection',
    sample: '550 Connection frequency limited. https://service.mail.qq.com/',
  },
  'spam-ip': {
    says: 'suspected spam ip',
    reason: 'blocklist',
    sample: '550 Suspected spam ip https://service.mail.qq.com/detail/122/66',
  },
  'bounce-attack': {
    says: 'suspected bounce attack*',
    reason: 'content_spam',
    sample: '550 Suspected bounce attacks https://service.mail.qq.com/detail/122/57',
  },
  content: {
    says: 'mail content denied',
    reason: 'content_spam',
    sample: '550 Mail content denied. [abc IP: 192.0.2.10]',
  },
  rejected: {
    says: 'mail is rejected by recipients',
    reason: 'content_spam',
    sample: '550 Mail is rejected by recipients. https://service.mail.qq.com/detail/122/92',
  },
  deactivated: {
    says: 'deactivated mailbox',
    reason: 'inactive_mailbox',
    sample: '550 a@qq.com is a deactivated mailbox',
  },
};

/** NetEase codes: DT about the mail, HL about the host, MX about both. */
export const netease: Rows = {
  'spam-later': {
    says: 'dt spm 163',
    code: '4',
    reason: 'content_spam',
    action: 'slow_down',
    sample: '451 DT:SPM 163 smtp1,abc http://mail.163.com/help/help_spam_16.htm',
  },
  spam: {
    says: 'dt spm',
    code: '5',
    reason: 'content_spam',
    sample: '554 DT:SPM 126 smtp1,abc http://mail.163.com/help/help_spam_16.htm',
  },
  'daily-limit': { says: 'hl itc', reason: 'throttle', sample: '554 HL:ITC 163 mx1,abc daily limit' },
  'connection-limit': {
    says: 'hl icc',
    reason: 'throttle',
    scope: 'connection',
    sample: '421 HL:ICC 163 mx1,abc too many connections',
  },
  'host-frequency': { says: 'hl ifc', reason: 'throttle', sample: '421 HL:IFC 163 mx1,abc' },
  'no-ptr': { says: 'rp rdn', reason: 'dns_ptr', sample: '553 RP:RDN 163 mx1,abc' },
  'recipient-rate': { says: 'rp trc', reason: 'throttle', sample: '553 RP:TRC 163 mx1,abc' },
  'recipients-rate': { says: 'rp qrc', reason: 'throttle', sample: '550 RP:QRC 163 mx1,abc' },
  'host-blocked': { says: 'hl ipb', reason: 'blocklist', sample: '554 HL:IPB 163 mx1,abc' },
  'spf-failed': { says: 'dt sum + spf', reason: 'auth_fail', sample: '553 DT:SUM SPF check 163' },
  'sender-unverified': {
    says: 'dt sum',
    reason: 'sender_invalid',
    sample: '553 DT:SUM 163 mx1,abc envelope from mismatch',
  },
};

export const naver: Rows = {
  blocked: {
    says: 'your ip blocked from this server',
    reason: 'reputation_block',
    sample: '421 4.3.2 Your ip blocked from this server abc - nsmtp',
  },
};
