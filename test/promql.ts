/**
 * A PromQL expression becomes the labels its result can have and a list of what is wrong with its names: metrics nobody exposes,
 * labels they do not have, groupings and matchings that can only ever be empty, and matchings that meet many where one must be.
 * After Prometheus' own grammar and its rules of vector matching.
 */
import { parser } from '@prometheus-io/lezer-promql';

export type SyntaxNode = ReturnType<typeof parser.parse>['topNode'];

/** Labels the series of a metric can have; undefined when there is no such metric. */
export type LabelsOf = (metric: string) => ReadonlySet<string> | undefined;

export interface Checked {
  /** Labels the result can have, without the name; undefined when nothing limits them, as in `{__name__=~"x.*"}`. */
  labels: ReadonlySet<string> | undefined;
  /** Those of them that have one value only. */
  fixed: ReadonlyMap<string, string>;
  metrics: string[];
  problems: string[];
  /** Matchings whose side of the one can have several series that agree in the labels matched on: an error when it happens. */
  crowded: string[];
}

/** `all`: every label there can be. `fixed`: those of them that have one value only. */
interface Vector {
  all: Set<string>;
  fixed: Map<string, string>;
}
/** `any`: a selector without a name. `scalar`: a number, which has no labels to match. */
type Labels = Vector | 'any' | 'scalar';

/**
 * The expression as a tree, or where it breaks. Offsets are left out: they change no label, and the grammar takes `a > b offset 1d`
 * for `(a > b) offset 1d`, where Prometheus takes `b offset 1d`.
 */
export function treeOf(expr: string): { top: SyntaxNode } | { broken: string } {
  const tree = parser.parse(expr.replace(/\boffset\s+-?\d\w*/g, (text) => ' '.repeat(text.length)));
  let broken: number | undefined;
  tree.iterate({
    enter: (node) => {
      if (node.type.isError) broken ??= node.from;
    },
  });
  return broken === undefined
    ? { top: tree.topNode.firstChild! }
    : { broken: `no PromQL at "${expr.slice(broken, broken + 30)}": ${expr}` };
}

export function check(expr: string, labelsOf: LabelsOf): Checked {
  const tree = treeOf(expr);
  if ('broken' in tree)
    return { labels: new Set(), fixed: new Map(), metrics: [], problems: [tree.broken], crowded: [] };
  const checker = new Checker(expr, labelsOf);
  const labels = checker.visit(tree.top);
  return {
    labels: labels === 'any' ? undefined : labels === 'scalar' ? new Set() : labels.all,
    fixed: typeof labels === 'string' ? new Map() : labels.fixed,
    metrics: checker.metrics,
    problems: [...new Set(checker.problems)],
    crowded: [...new Set(checker.crowded)],
  };
}

/** What Grafana fills in, filled in: PromQL has no variables. Those within strings may stay. */
export function withoutVariables(expr: string): string {
  return expr
    .replace(/\$\{?__(?:range_s|range_ms|interval_ms|from|to)\b\}?/g, '300')
    .replace(/\$\{?__(?:rate_interval|interval|range)\b\}?/g, '5m');
}

export interface Matcher {
  label: string;
  op: '=' | '!=' | '=~' | '!~';
  value: string;
}

/** Name and matchers of a VectorSelector; the name is undefined where no metric is named. */
export function selectorOf(node: SyntaxNode, expr: string): { name: string | undefined; matchers: Matcher[] } {
  const text = (part: SyntaxNode) => expr.slice(part.from, part.to);
  const matchers = (node.getChild('LabelMatchers')?.getChildren('UnquotedLabelMatcher') ?? []).map((m) => ({
    label: text(m.getChild('LabelName')!),
    op: text(m.getChild('MatchOp')!) as Matcher['op'],
    value: text(m.getChild('StringLiteral')!).slice(1, -1),
  }));
  const identifier = node.getChild('Identifier');
  const name = identifier
    ? text(identifier)
    : matchers.find(({ label, op }) => label === '__name__' && op === '=')?.value;
  return { name, matchers: matchers.filter(({ label }) => label !== '__name__') };
}

const SCALARS = new Set(['scalar', 'time', 'pi']);
const KEEPING = new Set(['topk', 'bottomk', 'limitk', 'limit_ratio']);
const NOTHING: Vector = { all: new Set(), fixed: new Map() };

const without = ({ all, fixed }: Vector, labels: ReadonlySet<string>): Vector => ({
  all: all.difference(labels),
  fixed: new Map([...fixed].filter(([label]) => !labels.has(label))),
});
const only = ({ all, fixed }: Vector, labels: ReadonlySet<string>): Vector => ({
  all: new Set(labels),
  fixed: new Map([...fixed].filter(([label]) => labels.has(label) && all.has(label))),
});
const either = (left: Vector, right: Vector): Vector => ({
  all: left.all.union(right.all),
  fixed: new Map([...left.fixed].filter(([label, value]) => right.fixed.get(label) === value)),
});

class Checker {
  readonly metrics: string[] = [];
  readonly problems: string[] = [];
  readonly crowded: string[] = [];
  readonly #expr: string;
  readonly #labelsOf: LabelsOf;

  constructor(expr: string, labelsOf: LabelsOf) {
    this.#expr = expr;
    this.#labelsOf = labelsOf;
  }

  visit(node: SyntaxNode): Labels {
    switch (node.name) {
      case 'VectorSelector':
        return this.#selector(node);
      case 'AggregateExpr':
        return this.#aggregate(node);
      case 'BinaryExpr':
        return this.#binary(node);
      case 'FunctionCall':
        return this.#call(node);
      case 'NumberDurationLiteral':
      case 'StringLiteral':
        return 'scalar';
      default: // parentheses, signs, ranges, offsets, subqueries: of the expression within
        return this.visit(node.getChild('Expr')!);
    }
  }

  #text(node: SyntaxNode): string {
    return this.#expr.slice(node.from, node.to);
  }

  #string(node: SyntaxNode): string {
    return this.#text(node).slice(1, -1);
  }

  #selector(node: SyntaxNode): Labels {
    const { name, matchers } = selectorOf(node, this.#expr);
    if (name === undefined) return 'any';
    this.metrics.push(name);
    const labels = this.#labelsOf(name);
    if (labels === undefined) {
      this.problems.push(`no metric is named ${name}: ${this.#text(node)}`);
      return 'any';
    }
    const vector: Vector = { all: new Set(labels), fixed: new Map() };
    for (const { label, op, value } of matchers) {
      if (!labels.has(label)) this.problems.push(`${name} has no label ${label}: ${this.#text(node)}`);
      if (op !== '=') continue;
      if (value === '') vector.all.delete(label);
      else vector.fixed.set(label, value);
    }
    return vector;
  }

  #grouping(node: SyntaxNode | null): string[] {
    return node ? node.getChildren('LabelName').map((label) => this.#text(label)) : [];
  }

  #demand(wanted: readonly string[], within: Labels, what: string, node: SyntaxNode): void {
    if (within === 'any') return;
    for (const label of wanted) {
      if (within === 'scalar' || !within.all.has(label)) {
        this.problems.push(`${what} ${label}, a label that is not there: ${this.#text(node)}`);
      }
    }
  }

  #aggregate(node: SyntaxNode): Labels {
    const operator = this.#text(node.getChild('AggregateOp')!);
    const args = node.getChild('FunctionCallBody')!.getChildren('Expr');
    const inner = this.visit(args.at(-1)!);
    const modifier = node.getChild('AggregateModifier');
    const wanted = this.#grouping(modifier?.getChild('GroupingLabels') ?? null);
    const setsAside = modifier?.getChild('Without') != null;
    this.#demand(wanted, inner, setsAside ? 'without' : 'by', node);
    if (KEEPING.has(operator)) return inner;
    if (setsAside) return typeof inner === 'string' ? inner : without(inner, new Set(wanted));
    const result = only(typeof inner === 'string' ? NOTHING : inner, new Set(wanted));
    if (operator === 'count_values') result.all.add(this.#string(args[0]!));
    return result;
  }

  #binary(node: SyntaxNode): Labels {
    const [left, right] = node.getChildren('Expr').map((side) => this.visit(side)) as [Labels, Labels];
    const clause = node.getChild('MatchingModifierClause');
    const [first, second] = clause?.getChildren('GroupingLabels') ?? [];
    const matching = this.#grouping(first ?? null);
    const carried = this.#grouping(second ?? null);
    const on = clause?.getChild('On') != null;
    const known = typeof left !== 'string' && typeof right !== 'string';
    if (on) {
      this.#demand(matching, left, 'on', node);
      this.#demand(matching, right, 'on', node);
    } else if (known) {
      this.#demand(matching, either(left, right), 'ignoring', node);
    }
    const grouped = clause?.getChild('GroupLeft') ? 'left' : clause?.getChild('GroupRight') ? 'right' : undefined;
    if (grouped) this.#demand(carried, grouped === 'left' ? right : left, `group_${grouped}`, node);
    if (left === 'scalar') return right;
    if (right === 'scalar') return left;
    if (!known) return 'any';
    if (node.getChild('Or')) return either(left, right);
    // Without `on`, both sides must agree in every label that is not set aside, or nothing ever matches: a label that only
    // one side can have is where such rules die in silence.
    const aside = new Set(on ? [] : matching);
    if (!on && !grouped) {
      const alone = left.all.symmetricDifference(right.all).difference(aside);
      if (alone.size > 0) this.problems.push(`${[...alone].join(', ')} only on one side: ${this.#text(node)}`);
    }
    const met = on ? new Set(matching) : left.all.union(right.all).difference(aside);
    for (const label of met) {
      const [a, b] = [left.fixed.get(label), right.fixed.get(label)];
      if (a !== undefined && b !== undefined && a !== b)
        this.problems.push(`${label} is ${a} on one side and ${b} on the other: ${this.#text(node)}`);
    }
    if (node.getChild('And') ?? node.getChild('Unless')) return left;
    this.#one(grouped === 'right' ? [left] : grouped === 'left' ? [right] : [left, right], met, node);
    const most = grouped === 'right' ? right : left;
    if (grouped) return { all: most.all.union(new Set(carried)), fixed: most.fixed };
    return on ? only(left, new Set(matching)) : without(left, aside);
  }

  /** Prometheus refuses the whole evaluation when the side of the one has two that match. */
  #one(sides: readonly Vector[], met: ReadonlySet<string>, node: SyntaxNode): void {
    for (const { all, fixed } of sides) {
      const more = all.difference(met).difference(new Set(fixed.keys()));
      if (more.size > 0)
        this.crowded.push(`several of ${[...more].join(', ')} can meet where one must be: ${this.#text(node)}`);
    }
  }

  #call(node: SyntaxNode): Labels {
    const name = this.#text(node.getChild('FunctionIdentifier')!);
    const args = node.getChild('FunctionCallBody')!.getChildren('Expr');
    const results = args.map((arg) => this.visit(arg));
    if (SCALARS.has(name)) return 'scalar';
    const inner = results.find((labels) => labels !== 'scalar') ?? NOTHING;
    const strings = args.map((arg) => (arg.name === 'StringLiteral' ? this.#string(arg) : ''));
    switch (name) {
      case 'absent':
      case 'absent_over_time':
        return NOTHING;
      case 'histogram_quantile':
        this.#demand(['le'], inner, name, node);
        return typeof inner === 'string' ? inner : without(inner, new Set(['le']));
      case 'label_replace':
      case 'label_join': {
        const from = (name === 'label_replace' ? strings.slice(3, 4) : strings.slice(3)).filter(
          (label) => label !== '',
        );
        this.#demand(from, inner, name, node);
        if (typeof inner === 'string') return inner;
        const [, to, value] = strings as [string, string, string];
        const result = without(inner, new Set([to]));
        result.all.add(to);
        if (from.length === 0) result.fixed.set(to, value);
        return result;
      }
      default:
        return inner;
    }
  }
}
