/** The parts of Grafana's classic dashboard JSON that the preview draws. */
import type { DataTransformerConfig, FieldConfigSource } from '@grafana/data';

export interface Target {
  refId: string;
  expr: string;
  legendFormat?: string;
  instant?: boolean;
  range?: boolean;
  format?: 'time_series' | 'table' | 'heatmap';
  interval?: string;
  hide?: boolean;
}

export interface Panel {
  id: number;
  type: string;
  title: string;
  description?: string;
  gridPos: { x: number; y: number; w: number; h: number };
  options?: Record<string, unknown>;
  fieldConfig?: FieldConfigSource;
  targets?: Target[];
  transformations?: DataTransformerConfig[];
  interval?: string;
  maxDataPoints?: number;
  collapsed?: boolean;
  panels?: Panel[];
}

export interface Link {
  title: string;
  type: 'link' | 'dashboards';
  url?: string;
  tags?: string[];
  includeVars?: boolean;
  keepTime?: boolean;
}

export interface Variable {
  name: string;
  type: 'query' | 'datasource' | 'constant' | 'custom';
  label?: string;
  query?: string | { query: string };
  multi?: boolean;
  includeAll?: boolean;
  allValue?: string;
  hide?: number;
  current?: { value?: string | string[] };
}

export interface Annotation {
  name: string;
  enable?: boolean;
  iconColor?: string;
  expr?: string;
  titleFormat?: string;
  textFormat?: string;
}

export interface Dashboard {
  uid: string;
  title: string;
  tags?: string[];
  panels: Panel[];
  templating?: { list: Variable[] };
  annotations?: { list: Annotation[] };
  links?: Link[];
  time?: { from: string; to: string };
}
