/**
 * A PromQL expression becomes the labels its result can have and a list of what is wrong with its names: metrics nobody exposes,
 * labels they do not have, groupings and matchings that can only ever be empty. After Prometheus' own grammar and its
 * rules of vector matching.
 */
import { parser } from '@prometheus-io/lezer-promql';

type SyntaxNode = ReturnType<typeof parser.parse>['topNode'];

/** Labels the series of a metric can have; undefined when there is no such metric. */
export type LabelsOf = (metric: string) => ReadonlySet<string> | undefined;

export interface Checked {
  /** Labels the result can have, without the name; undefined when nothing limits them, as in `{__name__=~"x.*"}`. */
  labels: ReadonlySet<string> | undefined;
  metrics: string[];
  problems: string[];
}

/** `any`: a selector without a name. `scalar`: a number, which has no labels to match. */
type Labels = Set<string> | 'any' | 'scalar';

export function check(expr: string, labelsOf: LabelsOf): Checked {
  const checker = new Checker(expr, labelsOf);
  const tree = parser.parse(expr);
  let broken: number | undefined;
  tree.iterate({
    enter: (node) => {
      if (node.type.isError) broken ??= node.from;
    },
  });
  if (broken !== undefined) {
    return { labels: new Set(), metrics: [], problems: [`no PromQL at "${expr.slice(broken, broken + 30)}": ${expr}`] };
  }
  const labels = checker.visit(tree.topNode.firstChild!);
  return {
    labels: labels === 'any' ? undefined : labels === 'scalar' ? new Set() : labels,
    metrics: checker.metrics,
    problems: [...new Set(checker.problems)],
  };
}

/** What Grafana fills in, filled in: PromQL has no variables. Those within strings may stay. */
export function withoutVariables(expr: string): string {
  return expr
    .replace(/\$\{?__(?:range_s|range_ms|interval_ms|from|to)\b\}?/g, '300')
    .replace(/\$\{?__(?:rate_interval|interval|range)\b\}?/g, '5m');
}

const SCALARS = new Set(['scalar', 'time', 'pi']);
const KEEPING = new Set(['topk', 'bottomk', 'limitk', 'limit_ratio']);

class Checker {
  readonly metrics: string[] = [];
  readonly problems: string[] = [];
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
    const matchers = node.getChild('LabelMatchers');
    const plain = (matchers?.getChildren('UnquotedLabelMatcher') ?? []).map((m) => ({
      label: this.#text(m.getChild('LabelName')!),
      equal: m.getChild('MatchOp')?.getChild('EqlSingle') != null,
      value: this.#string(m.getChild('StringLiteral')!),
    }));
    const identifier = node.getChild('Identifier');
    const name = identifier
      ? this.#text(identifier)
      : plain.find(({ label, equal }) => label === '__name__' && equal)?.value;
    if (name === undefined) return 'any';
    this.metrics.push(name);
    const labels = this.#labelsOf(name);
    if (labels === undefined) {
      this.problems.push(`no metric is named ${name}: ${this.#text(node)}`);
      return 'any';
    }
    for (const { label } of plain) {
      if (label !== '__name__' && !labels.has(label)) {
        this.problems.push(`${name} has no label ${label}: ${this.#text(node)}`);
      }
    }
    return new Set(labels);
  }

  #grouping(node: SyntaxNode | null): string[] {
    return node ? node.getChildren('LabelName').map((label) => this.#text(label)) : [];
  }

  #demand(wanted: readonly string[], within: Labels, what: string, node: SyntaxNode): void {
    if (within === 'any') return;
    for (const label of wanted) {
      if (within === 'scalar' || !within.has(label)) {
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
    const without = modifier?.getChild('Without') != null;
    this.#demand(wanted, inner, without ? 'without' : 'by', node);
    if (KEEPING.has(operator)) return inner;
    if (without) return inner instanceof Set ? inner.difference(new Set(wanted)) : inner;
    const result = new Set(wanted);
    if (operator === 'count_values') result.add(this.#string(args[0]!));
    return result;
  }

  #binary(node: SyntaxNode): Labels {
    const [left, right] = node.getChildren('Expr').map((side) => this.visit(side)) as [Labels, Labels];
    const clause = node.getChild('MatchingModifierClause');
    const [first, second] = clause?.getChildren('GroupingLabels') ?? [];
    const matching = this.#grouping(first ?? null);
    const carried = this.#grouping(second ?? null);
    const on = clause?.getChild('On') != null;
    if (on) {
      this.#demand(matching, left, 'on', node);
      this.#demand(matching, right, 'on', node);
    } else if (left instanceof Set && right instanceof Set) {
      this.#demand(matching, left.union(right), 'ignoring', node);
    }
    const grouped = clause?.getChild('GroupLeft') ? 'left' : clause?.getChild('GroupRight') ? 'right' : undefined;
    if (grouped) this.#demand(carried, grouped === 'left' ? right : left, `group_${grouped}`, node);
    if (left === 'scalar') return right;
    if (right === 'scalar') return left;
    if (left === 'any' || right === 'any') return 'any';
    if (node.getChild('Or')) return left.union(right);
    // Without `on`, both sides must agree in every label that is not set aside, or nothing ever matches: a label that only
    // one side can have is where such rules die in silence.
    const aside = new Set(on ? [] : matching);
    if (!on && !grouped) {
      const alone = left.symmetricDifference(right).difference(aside);
      if (alone.size > 0) this.problems.push(`${[...alone].join(', ')} only on one side: ${this.#text(node)}`);
    }
    if (node.getChild('And') ?? node.getChild('Unless')) return left;
    if (grouped) return (grouped === 'left' ? left : right).union(new Set(carried));
    return on ? new Set(matching) : left.difference(aside);
  }

  #call(node: SyntaxNode): Labels {
    const name = this.#text(node.getChild('FunctionIdentifier')!);
    const args = node.getChild('FunctionCallBody')!.getChildren('Expr');
    const results = args.map((arg) => this.visit(arg));
    if (SCALARS.has(name)) return 'scalar';
    const inner = results.find((labels) => labels !== 'scalar') ?? new Set<string>();
    const strings = args.map((arg) => (arg.name === 'StringLiteral' ? this.#string(arg) : ''));
    switch (name) {
      case 'absent':
      case 'absent_over_time':
        return new Set();
      case 'histogram_quantile':
        this.#demand(['le'], inner, name, node);
        return inner instanceof Set ? inner.difference(new Set(['le'])) : inner;
      case 'label_replace':
      case 'label_join': {
        const from = name === 'label_replace' ? strings.slice(3, 4) : strings.slice(3);
        this.#demand(
          from.filter((label) => label !== ''),
          inner,
          name,
          node,
        );
        return inner instanceof Set ? new Set(inner).add(strings[1]!) : inner;
      }
      default:
        return inner;
    }
  }
}
