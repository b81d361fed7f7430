/** The strategies of src/remedies/ and the systems of src/actuators/ become docs/remediation.md. */
import { z } from 'zod';
import { actuatorTypes, loadActuatorType, loadRemedies } from '../src/config.ts';
import { measureOf } from '../src/measure.ts';
import type { Remedy } from '../src/remedy.ts';
import { COSTS, PRIOR_CASES } from '../src/selection.ts';

const code = (text: string) => `\`${text}\``;

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const cell = (text: string) => text.replaceAll('|', '\\|').replaceAll('\n', ' ');
  const line = (cells: readonly string[]) => `| ${cells.map(cell).join(' | ')} |\n`;
  return line(head) + line(head.map(() => '---')) + rows.map(line).join('');
}

function minutes(seconds: number): string {
  return seconds < 3600 ? `${seconds / 60} min` : `${seconds / 3600} h`;
}

const strategyRow = ([name, remedy]: [string, Remedy]): string[] => [
  code(name),
  remedy.about,
  remedy.issues.map(code).join(', '),
  String(remedy.effectiveness),
  `${remedy.cost} (${COSTS[remedy.cost]})`,
  minutes(remedy.effectIn),
  remedy.conflicts.map(code).join(', '),
];

async function systems(): Promise<string> {
  let text = '';
  for (const type of actuatorTypes()) {
    const { verbs, docs, config } = await loadActuatorType(type);
    const json = z.toJSONSchema(config, { unrepresentable: 'any', io: 'input' }) as {
      properties?: Record<string, { default?: unknown; description?: string }>;
      required?: string[];
    };
    const rows = Object.entries(json.properties ?? {}).map(([key, p]) => [
      code(key),
      json.required?.includes(key) ? 'needed' : p.default === undefined ? '' : code(JSON.stringify(p.default)),
      p.description ?? '',
    ]);
    const keys = rows.length > 0 ? table(['key', 'default', 'what it does'], rows) : '';
    text += `### ${type}\n${docs}\n\nIt can: ${verbs.map(code).join(', ')}.\n\n${keys}\n`;
  }
  return text;
}

/** `note`: that it is printed. */
export async function remediation(note: string): Promise<string> {
  const remedies = [...(await loadRemedies())];
  const issues = [...new Set(remedies.flatMap(([, { issues }]) => issues))].sort();
  return `# Remediation
${note}
What the exporter may do about an alert by itself: choose strategies, have the systems that send mail carry them out, look whether they helped, undo them when the alert is resolved, and tell people when they did not help. Nothing of this happens until it is switched on, strategy by strategy.
Keys: [configuration.md](configuration.md#remediation). Why it is as it is: [ADR 8](decisions/0008-remediation.md).

## Switching it on
Each step can be stayed at for as long as you like.

1. **Off.** Without the key \`remediation\` nothing is asked and nothing is called, and the same with \`mode: off\`.
2. **Looking only.** Set \`alerts\`, let Alertmanager post to \`/alerts\` (the shipped configuration does), and name Prometheus. Without any strategy the exporter asks for one thing: when each incident began, which makes the detection time of the KPIs.
3. **Dry run.** Name strategies with \`mode: dry-run\` and the actuators that would do it. All of it happens but the calls: the log says "dry run: this is what would be ordered", the incident (\`/api/v1/incidents\`) has the orders in full, with whose mail, and \`email_remediation_actions_total{mode="dry-run"}\` what they would have come to. Leave it so for a few incidents and ask yourself each time whether you would have done the same.
4. **Enforce one strategy**, the one whose dry runs you agreed with, on one system: \`mode: enforce\` above and in the strategy. Start with the kill switch at hand and \`reach\` small.
5. **More of them**, one after the other. \`email_remediation_actions_total{mode="enforce"}\` says which of them earn their place.

\`\`\`yaml
alerts: { auth: { bearer: [{ file: /run/secrets/alertmanager }] } }
remediation:
  mode: enforce                # the ceiling; dry-run while you try out
  kill_switch: /etc/deliverability/stop
  prometheus: { url: http://prometheus:9090 }
  strategies:
    pause-campaigns: { mode: enforce, actuators: [mta1] }
    back-off: { mode: dry-run, actuators: [mta1] }
  actuators:
    mta1: { type: postfix, sources: [mta1] }   # the names that its mail has under sources:
\`\`\`

## Stopping it
- **The kill switch**: \`touch\` the file that \`kill_switch\` names. Nothing new is done from then on, for it is looked at before each call; what was done stays and is still undone when its alert ends. A call that is under way ends within \`call_timeout\`. Remove the file to go on.
- **\`mode: off\`, or a strategy's**, and a reload: what it did is undone, and nothing is done any more.
- **A verdict of \`false_positive\`** on an incident undoes what was done for it.
- Do not take the key \`remediation\` or an actuator away while something is in force (\`email_remediation_active\`): there would be nothing left to undo it with. The exporter says so loudly in its log.

## The strategies
${table(['strategy', 'what it does', 'of which issues', 'given effectiveness', 'cost', 'shows in', 'never together with'], remedies.map(strategyRow))}
${table(
  ['strategy', 'tried when'],
  remedies.map(([name, remedy]) => [code(name), remedy.when]),
)}
Only alerts of severity critical and high are acted on. "Within a day" compares with the same hour of the day before.

A strategy of your own is one file in \`src/remedies/\` with its cases in \`test/remedies/\`.

## How they are chosen
Of the strategies that fit, each gets a score: **0.4 × given effectiveness + 0.3 × history + 0.3 × prediction**.

- *Given* is the figure above.
- *History* is what came of the strategy on this issue type here: the mean of a Beta distribution that begins as if ${PRIOR_CASES} cases had gone as given. Only what was done in earnest and judged effective or ineffective counts, and not where the alert was judged a false positive.
- *Prediction* is a chance that the strategy gives itself from the case: how much of the harm one campaign brings, how far a rate has moved, how long it has gone on.

Best first, each takes its cost (low 1, medium 3, high 5) from \`budget\` (10), until \`at_most\` (3) are chosen; what conflicts with a better one is passed over. The log and the incident have the sentence for each, such as "given 85 %, history 88 % (helped in 4 of 4 cases), predicted 95 % (one campaign brings 90 % of the harm): 88.9 %".

## Limits
- **Reach**: of a domain's sending addresses at most \`reach.ips\` (0.34), of its campaigns at most \`reach.campaigns\` (0.5) are held back, slowed or moved at once, over all incidents; one always may be. An order for a whole domain that is too wide is given for as many of its addresses or campaigns as are allowed. Slowing down towards one provider, and what does not move mail (\`validate\`, \`clean\`, \`review\`), is not counted.
- **Cool-down**: a strategy is not tried again on the same mail within \`cool_down\` (1 h) after it was last begun or ended.
- **One at a time**: nothing is done to mail that a conflicting strategy, or the same, holds through another incident; a system is asked one thing at a time.
- **Calls** end within \`call_timeout\` (10 s), and each is tried three times with growing pauses. What could not be done is undone, in case half of it was.
- **Not for ever**: after \`at_longest\` (24 h) it is undone, whatever the alert does. Systems that can end it by themselves are told so beforehand.
- The alert that an escalation raises is not acted on in its turn.

## Did it work
Before anything is done the issue's own measure is taken for the mail of the alert, over \`window\` (15 min), and \`look_after\` (30 min) after the last order it is taken again: not before the strategy can show (see the table) and a whole window has passed since, so that what was sent before is not in it.

${table(
  ['issue', 'what is measured', 'helped when it'],
  issues.map((issue) => {
    const measure = measureOf({ issue_type: issue });
    return [code(issue), measure?.about ?? '', measure?.better === 'up' ? 'rose by 20 %' : 'fell by 30 %'];
  }),
)}
For \`EmailDeliverySlow\` it is the median delivery time. With fewer than \`min_samples\` messages (10), before or after, it is *undecided*. Who paused the mail leaves little to measure: then it helped as well when the *number* of bad messages fell by 30 %.

- **effective**: it stays until the alert is resolved.
- **not yet**: looked at again every \`look_after\`, until \`escalate_after\` (60 min). \`back-off\` halves the rate once more each time.
- **ineffective**: it is undone.
- An hour after the first order, when the alert still fires and no strategy was effective, the incident is escalated by one severity: \`email_incident_escalated\`, from which the alert \`EmailRemediationIneffective\` comes. Dry runs never escalate.
- The alert ends before there was a look: measured as of that moment where there was time to, else effective when it could have shown by then, else undecided.
- **failed**: no system could do it. **refused**: limits or the kill switch forbade it.

## What undoing means
Each order has what was before written down before anything is changed, and undoing puts exactly that back, last order first, where \`reverse\` is set when the alert is resolved. It goes on with the kill switch there. Where a system does not answer it is tried again with growing pauses (at most ten minutes) for 24 hours; then the log has an error, the order stays visible in the incident as \`undo_failed\`, and it is yours: the incident's \`before\` says what to put back.
Mail that was held back leaves when it is undone, no message is dropped. Lists that were cleaned and content that was held are the business of the system that did it.

After a crash the same order is given again under the same identity, or undone; systems take it once. All of it is in the row of the incident.

## The audit trail
Every decision and every call is one line of the log at level info (failures: warn) that begins with "remediation:", with the incident, issue type, severity, strategy, actuator, order and outcome, and no other label of the alert. Calls are counted in \`deliverability_exporter_actuator_calls_total\`.

## The systems
${await systems()}`;
}
