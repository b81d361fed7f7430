/**
 * What Haraka's outbound hooks tell becomes batches of JSON events, posted to the exporter's source `haraka` (Haraka 3
 * "Outbound", "Plugins"). See README.md beside this file.
 *
 * Haraka runs plugins in strict mode, in a context of their own: no `module`, no `URL`, no `AbortSignal`; `exports` is the
 * plugin itself.
 * One file although it is long, because one file is what people copy.
 */
const fs = require('node:fs');
const http = require('node:http');
const https = require('node:https');
const path = require('node:path');

const NAME = 'deliverability_exporter';
/** The exporter will never take these however often they come: [status, what a person is told]. */
const HOPELESS = new Map([
  [400, 'it calls the batch malformed'],
  [413, 'it calls a single event too large'],
  [415, 'it does not take JSON'],
]);
const WHAT_TO_DO = new Map([
  [401, 'the token is not the one in its configuration'],
  [403, 'something in between forbids it'],
  [404, 'it has no source of that name; see url in the ini'],
]);
const LONGEST_PAUSE = 60;
const LOG_EVERY = 60_000;

const numbers = { max_queue: 50_000, batch: 500, wait: 1, timeout: 10 };

/** Local address and protocol of the connection that an attempt was made over, by queue item and by its MX. */
const connections = new WeakMap();

exports.register = function () {
  const { main } = this.config.get(`${NAME}.ini`);
  this.settings = { ...main };
  for (const [key, usual] of Object.entries(numbers)) {
    const number = Number(main[key]);
    this.settings[key] = number > 0 ? number : usual;
  }
  this.queue = [];
  this.size = this.settings.batch;
  this.dropped = 0;
  this.pause = 0;
  this.said = {};
  if (!/^https?:\/\//.test(main.url ?? '')) {
    this.logcrit(`${NAME}.ini has no url of the exporter (http://…/hooks/haraka): nothing is counted`);
    return;
  }
  // First in their hooks, as a plugin before this one that answers OK would end them; last where headers are still added.
  this.register_hook('pre_send_trans_email', 'keep_author', 100);
  this.register_hook('send_email', 'on_send_email', -100);
  this.register_hook('delivered', 'on_delivered', -100);
  this.register_hook('deferred', 'on_deferred', -100);
  this.register_hook('bounce', 'on_bounce', -100);
  if (this.settings.pending_file) {
    this.load_pending();
    process.on('exit', () => this.save_pending());
  }
};

// ---- hooks: each notes what it was told and goes on at once, whatever happens

/** The queue item has no headers; notes are kept with it on disk. */
exports.keep_author = function (next, connection) {
  this.guard('pre_send_trans_email', () => {
    const { header, notes } = connection.transaction;
    const campaign = this.settings.campaign_header ? header.get(this.settings.campaign_header).trim() : '';
    notes[NAME] = { from_domain: domain_of(header.get('From')), campaign: campaign.includes('@') ? '' : campaign };
  });
  next();
};

/** The first attempt of a queue item is when all who sent it, other plugins too, know it to be on disk. */
exports.on_send_email = function (next, hmail) {
  this.guard('send_email', () => {
    connections.delete(hmail);
    this.watch_connection(hmail);
    if (hmail.num_failures > 0) return;
    this.tell('accepted', hmail, hmail.todo.rcpt_to, (event, _, i) => {
      event.id = `${hmail.todo.uuid} accepted ${i}`;
      event.time = hmail.todo.queue_time;
    });
  });
  next();
};

exports.on_delivered = function (next, hmail, params) {
  this.guard('delivered', () => this.tell('delivered', hmail, params[6]));
  next();
};

/** `fail_recips` when recipients were refused one by one; their replies stand on those objects, not on the item's own. */
exports.on_deferred = function (next, hmail, params) {
  this.guard('deferred', () => this.tell_refusals('deferred', hmail, params.fail_recips, params.err, params.mx));
  next();
};

exports.on_bounce = function (next, hmail, error) {
  // deferred_rcpt: refused for now once too often; the message says so, the recipients' replies do not.
  this.guard('bounce', () => this.tell_refusals('bounced', hmail, error.bounced_rcpt, error.message, error.mx));
  next();
};

exports.guard = function (hook, work) {
  try {
    work();
  } catch (error) {
    this.say(hook, 'logerror', `an event of the hook ${hook} was not understood and is not counted: ${error.message}`);
  }
};

// ---- events

exports.tell_refusals = function (word, hmail, refused, summary, mx) {
  this.tell(
    word,
    hmail,
    hmail.todo.rcpt_to,
    (event, rcpt) => {
      const own = refused?.find((other) => other.user === rcpt.user && other.host === rcpt.host);
      // The summary of recipients refused one by one is only a list of their addresses.
      event.reply = without_people(refused ? own?.reason : summary, rcpt);
    },
    mx,
  );
};

/**
 * One event a recipient. The name of the queue file has the attempt in it and changes when recipients are split off, so
 * with the recipient's place it is an identity, which stays the same however often the batch is posted.
 */
exports.tell = function (word, hmail, recipients, more, mx) {
  const { todo } = hmail;
  const connection = connections.get(mx ?? hmail) ?? connections.get(hmail) ?? {};
  // A bounce message of our own (null sender), and mail handed to a mailbox of our own, are no mail to anybody outside.
  if (!todo.mail_from.user || connection.lmtp) return;
  const kept = todo.notes?.[NAME] ?? {};
  recipients.forEach((rcpt, i) => {
    const event = {
      event: word,
      id: `${todo.uuid} ${hmail.filename} ${word} ${i}`,
      time: Date.now(),
      queued: todo.queue_time,
      from_domain: kept.from_domain,
      sender_domain: todo.mail_from.host,
      recipient_domain: rcpt.host,
      local_ip: connection.ip,
      campaign: kept.campaign || undefined,
    };
    more?.(event, rcpt, i);
    this.enqueue(event);
  });
};

/**
 * Haraka tells `deferred` and `bounce` the MX at times, `delivered` never, and nobody the address that the system chose.
 * Half an answer would put all bounces of an address beside none of its deliveries. So the item's own method, which is
 * given the open connection, is asked on its way; without it no event has an address.
 */
exports.watch_connection = function (hmail) {
  const original = hmail.try_deliver_host_on_socket;
  if (Object.hasOwn(hmail, 'try_deliver_host_on_socket')) return;
  if (typeof original !== 'function') {
    this.say('socket', 'logwarn', 'this Haraka does not show its connections: events have no sending address');
    return;
  }
  hmail.try_deliver_host_on_socket = (mx, host, port, socket) => {
    this.guard('connection', () => {
      const address = socket.localAddress ?? socket.targetsocket?.localAddress;
      const seen = { ip: address?.replace(/^::ffff:(?=\d+\.)/, ''), lmtp: Boolean(mx.using_lmtp) };
      connections.set(hmail, seen).set(mx, seen);
    });
    return original.call(hmail, mx, host, port, socket);
  };
};

function domain_of(address) {
  return /@([^\s@<>(),;"]+)[^@]*$/.exec(address ?? '')?.[1] ?? '';
}

const CODES = /^(?:Too many failures \()?(?:Upstream error: )?\d{3}(?: \d\.\d{1,3}\.\d{1,3})?(?=\s|$)/;

/** Local parts stay on this machine: those in addresses, and the recipient's own where it stands as a word. */
function without_people(reply, rcpt) {
  const text = String(reply ?? '').slice(0, 1000);
  const codes = CODES.exec(text)?.[0] ?? '';
  let rest = text.slice(codes.length).replace(/[^\s<>"'(),;:=/?&]+(?=@|%40)/gi, '*');
  const user = rcpt.user ?? '';
  for (const name of new Set([user, user.split('+')[0]])) {
    const literal = name.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');
    if (name) rest = rest.replace(new RegExp(`(?<![\\w])${literal}(?![\\w])`, 'gi'), '*');
  }
  return codes + rest;
}

// ---- the queue, posted from its head

exports.enqueue = function (event) {
  if (this.queue.length >= this.settings.max_queue) {
    this.dropped++;
    this.say_dropped(false);
    return;
  }
  this.queue.push(event);
  if (this.pause > 0 || this.posting) return;
  if (this.queue.length >= this.size) this.send();
  else this.timer ??= setTimeout(() => this.send(), this.settings.wait * 1000);
};

exports.send = function () {
  clearTimeout(this.timer);
  this.timer = undefined;
  if (this.posting || this.queue.length === 0) return;
  this.posting = true;
  const count = Math.min(this.size, this.queue.length);
  this.post(JSON.stringify(this.queue.slice(0, count)), (status, problem) => {
    this.posting = false;
    if (status >= 200 && status < 300) this.taken(count);
    else if (status === 413 && count > 1) this.size = Math.ceil(count / 2);
    else if (HOPELESS.has(status)) {
      this.queue.splice(0, count);
      this.logerror(`the exporter refused ${count} events for good (${status}): ${HOPELESS.get(status)}`);
    } else return this.retry(problem ?? `it answered ${status}, ${WHAT_TO_DO.get(status) ?? 'it is busy or not well'}`);
    if (this.queue.length > 0) this.send();
  });
};

exports.taken = function (count) {
  this.queue.splice(0, count);
  if (this.pause > 0) this.lognotice('the exporter takes events again');
  this.pause = 0;
  this.said.retry = undefined;
  this.say_dropped(true);
};

exports.retry = function (problem) {
  // 1 s, 2 s, 4 s … a minute, each ± 20 % so that a machine's workers do not come in step.
  this.pause = Math.min(LONGEST_PAUSE, this.pause * 2 || 1);
  this.say('retry', 'logwarn', `the exporter did not take events: ${problem}; ${this.queue.length} wait, tried again`);
  if (!this.stopping) this.timer = setTimeout(() => this.send(), this.pause * 1000 * (0.8 + Math.random() * 0.4));
};

/** `done(status)`, or `done(0, problem)`; once. The token is read anew each time, so that it can be rotated. */
exports.post = function (body, done) {
  const { url, token_file, timeout } = this.settings;
  const go = (error, token) => {
    if (error) return done(0, `token_file cannot be read (${error.code})`);
    let request;
    const deadline = setTimeout(() => request?.destroy(new Error(`no answer in ${timeout} s`)), timeout * 1000);
    const finish = (status, problem) => {
      clearTimeout(deadline);
      const call = done;
      done = () => {};
      call(status, problem);
    };
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
    if (token) headers.authorization = `Bearer ${token.trim()}`;
    try {
      request = (url.startsWith('https:') ? https : http).request(url, { method: 'POST', headers }, (response) => {
        response.resume().on('error', () => {});
        finish(response.statusCode);
      });
      request.on('error', (problem) => finish(0, problem.code ?? problem.message)).end(body);
    } catch (problem) {
      finish(0, problem.code ?? problem.message);
    }
  };
  if (token_file) fs.readFile(token_file, 'utf8', go);
  else go(null, '');
};

// ---- stopping: Haraka calls `shutdown` only when graceful_shutdown is on, else it exits where it stands

exports.shutdown = function () {
  this.stopping = true;
  this.send();
};

/** A batch on its way when the process ends is posted again: its ids tell the exporter. One file a process. */
exports.save_pending = function () {
  if (this.queue.length === 0) return;
  const lines = this.queue.map((event) => `${JSON.stringify(event)}\n`).join('');
  fs.writeFileSync(`${this.settings.pending_file}.${process.pid}`, lines, { mode: 0o600 });
};

exports.load_pending = function () {
  const { dir, base } = path.parse(this.settings.pending_file);
  for (const name of fs.existsSync(dir) ? fs.readdirSync(dir) : [])
    this.guard('pending_file', () => {
      if (!name.startsWith(`${base}.`) || !/\.\d+$/.test(name)) return;
      const claimed = path.join(dir, `${name}.claimed`);
      // Of several workers that start at once, the others fail here.
      try {
        fs.renameSync(path.join(dir, name), claimed);
      } catch {
        return;
      }
      for (const line of fs.readFileSync(claimed, 'utf8').split('\n')) if (line) this.enqueue(JSON.parse(line));
      fs.unlinkSync(claimed);
    });
};

// ---- what people are told, at most once a minute of each kind

exports.say = function (kind, level, message) {
  const now = Date.now();
  if (now - (this.said[kind] ?? 0) < LOG_EVERY) return false;
  this.said[kind] = now;
  this[level](message);
  return true;
};

exports.say_dropped = function (finally_) {
  if (this.dropped === 0) return;
  if (finally_) this.said.dropped = undefined;
  const told = `${this.dropped} events dropped and not counted: ${this.settings.max_queue} (max_queue) were waiting`;
  if (this.say('dropped', 'logerror', told)) this.dropped = 0;
};
