/** Heat map and state time line as Grafana draws them: both live in its application and are not published. */
import {
  type DataFrame,
  type DisplayValue,
  type Field,
  FieldType,
  formattedValueToString,
  getFieldDisplayName,
  getValueFormat,
  type TimeRange,
} from '@grafana/data';
import { useTheme2 } from '@grafana/ui';
import { interpolateOranges, interpolateBlues } from 'd3-scale-chromatic';
import type { Drawing } from './panels';

