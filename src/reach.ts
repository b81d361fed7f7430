/** Actions that a remedy would like become those that touch no more of a domain's addresses and campaigns than is allowed. */
import type { Action, Incident, Mode, Reach, Remedied } from './incident.ts';
import type { Case } from './remedy.ts';
import { overlaps, resourceOf } from './resource.ts';

/** Shares of a domain's sending addresses and campaigns. */
export interface Shares {
  ips: number;
  campaigns: number;
}

/** One strategy on one incident. */
export interface Standing {
  incident: Incident;
  remedied: Remedied;
}

/** Whether a foreign system may be under the influence of it; in a dry run, whether it would be. */
export function inForce({ steps }: Remedied): boolean {
  return steps.some(({ state }) => state !== 'undone' && state !== 'failed');
}

/** A dry run minds what other dry runs would have done; what is done in earnest does not. */
export function* standing(incidents: Iterable<Incident>, mode: Mode): Generator<Standing> {
  for (const incident of incidents)
    for (const remedied of incident.remedies)
      if (inForce(remedied) && (mode === 'dry-run' || remedied.mode === 'enforce')) {
        // A dry run stands as long as its alert.
        const over = incident.resolved !== undefined || incident.verdict?.verdict === 'false_positive';
        if (remedied.mode === 'enforce' || !over) yield { incident, remedied };
      }
}

/** Holds mail back, slows it or moves it; the others only have the sender look at lists and content. */
const moves = ({ verb }: Action): boolean => verb === 'pause' || verb === 'throttle' || verb === 'reroute';

/** A throttle towards one provider leaves all other mail of an address alone. */
const narrow = ({ verb, reach }: Action): boolean => verb === 'throttle' && reach.provider !== undefined;

interface Dimension {
  part: 'sending_ip' | 'campaign';
  all: readonly string[];
  /** Already touched by what stands. */
  touched: ReadonlySet<string>;
  most: number;
}

function dimension(
  part: Dimension['part'],
  known: readonly string[],
  share: number,
  others: readonly Action[],
): Dimension {
  const named = others.flatMap(({ reach }) => reach[part] ?? []);
  const all = [...new Set([...known, ...named])];
  // What names neither touches them all.
  const wide = others.some(({ reach }) => reach.sending_ip === undefined && reach.campaign === undefined);
  return { part, all, touched: new Set(wide ? all : named), most: Math.max(1, Math.floor(share * all.length + 1e-9)) };
}

/** In the given order, as far as the limits go. A wide action that would go beyond is given for the parts that are allowed. */
export function limited(
  actions: readonly Action[],
  it: Case,
  others: Iterable<Standing>,
  shares: Shares,
): { actions: Action[]; left: string } {
  const resource = resourceOf(it.incident.labels);
  const domain: Reach = resource.sending_domain === undefined ? resource : { sending_domain: resource.sending_domain };
  const touching = [...others]
    .flatMap(({ remedied }) => remedied.steps.map(({ action }) => action))
    .filter((action) => moves(action) && !narrow(action) && overlaps(action.reach, domain));
  const ips = dimension(
    'sending_ip',
    it.ips.map(({ ip }) => ip),
    shares.ips,
    touching,
  );
  const campaigns = dimension(
    'campaign',
    it.campaigns.map(({ campaign }) => campaign),
    shares.campaigns,
    touching,
  );
  const kept: Action[] = [];
  let left = 0;
  for (const action of actions) {
    if (!moves(action) || narrow(action)) kept.push(action);
    else {
      const allowed = fitted(action, ips, campaigns);
      kept.push(...allowed);
      if (allowed.length === 0) left++;
    }
  }
  const why = `${left} of ${actions.length} actions would touch more than ${Math.round(shares.ips * 100)} % of the domain's addresses or ${Math.round(shares.campaigns * 100)} % of its campaigns at once`;
  return { actions: kept, left: left > 0 ? why : '' };
}

function fitted(action: Action, ips: Dimension, campaigns: Dimension): Action[] {
  const { reach } = action;
  if (reach.campaign !== undefined) return taken(campaigns, [reach.campaign]) ? [action] : [];
  if (reach.sending_ip !== undefined) return taken(ips, [reach.sending_ip]) ? [action] : [];
  // A pause holds whole campaigns back, whichever address they leave from; the rate belongs to the addresses.
  const wide = action.verb === 'pause' && campaigns.all.length > 0 ? campaigns : ips;
  if (taken(wide, wide.all)) return [action];
  return wide.all
    .filter((one) => !wide.touched.has(one) && taken(wide, [one]))
    .map((one) => ({ ...action, reach: { ...reach, [wide.part]: one } }));
}

/** Takes them where there is room for all. One is always allowed. */
function taken(where: Dimension, wanted: readonly string[]): boolean {
  const together = new Set([...where.touched, ...wanted]);
  if (together.size > where.most) return false;
  where.touched = together;
  return true;
}
