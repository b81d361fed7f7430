/**
 * One address or domain becomes a reading of every list that is asked, and of its score where the list is a reputation service.
 * Each list is judged by its test entries first: nothing is "clear" on the word of a list that may be dead.
 */
import { type ChosenList, concerns } from '../blocklist.ts';
import { kindOf } from '../blocklist-name.ts';
import { inquire } from '../blocklist-verdict.ts';
import type { Check, Target, World } from '../check.ts';
import { probe, type ZoneHealth } from '../zone-health.ts';

/** `health`: what is known of a list already; without it, each run asks the test entries. */
export default function blocklistCheck(
  lists: readonly ChosenList[],
  health: (list: ChosenList, world: World) => ZoneHealth | Promise<ZoneHealth> = (list, { ask, signal }) =>
    probe(list, ask, { signal }),
): Check {
  return {
    summary: 'Whether blocklists hold an address or domain, and what reputation services think of it',
    targets: ['ip', 'domain'],
    problems: {},
    async run(target, world) {
      const readings = await Promise.all(
        concerned(lists, target).map(async (list) => {
          // Nothing will be asked, so nothing need be known.
          if (list.question(target) === undefined) return inquire(list, target, 'unknown', world);
          const { state, cause } = await health(list, world);
          if (state !== 'healthy') world.tell(`${list.name}: test entries say ${state} ${cause}`.trimEnd());
          return inquire(list, target, state, world);
        }),
      );
      return readings.flat();
    },
  };
}

export function concerned(lists: readonly ChosenList[], target: Target): ChosenList[] {
  return kindOf(target) === undefined ? [] : lists.filter((list) => concerns(list, target.kind));
}
