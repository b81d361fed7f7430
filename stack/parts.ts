/**
 * The programs of a deployment become their command lines: one table for the local stack and for docker-compose.yml,
 * which a test compares with it.
 */

/** Where a part finds its own things. */
export interface Place {
  config: string;
  data: string;
  /** HOST:PORT it listens on. */
  listen: string;
  /** What people and links reach it by. */
  url: string;
}

export interface Part {
  /** The image of docker-compose.yml; absent: built from the Dockerfile. */
  image?: string;
  port: number;
  /** Answers 200 when the part can do its work. */
  ready: string;
  flags(place: Place): string[];
}

export const PARTS = {
  exporter: {
    port: 9871,
    ready: '/-/ready',
    flags: ({ config, data, listen }) => [
      `--config.file=${config}`,
      `--storage.path=${data}`,
      `--web.listen-address=${listen}`,
    ],
  },
  prometheus: {
    image: 'prom/prometheus:v3.5.3',
    port: 9090,
    ready: '/-/ready',
    flags: ({ config, data, listen, url }) => [
      `--config.file=${config}`,
      `--storage.tsdb.path=${data}`,
      // Baselines look three weeks back; the default is 15 days.
      '--storage.tsdb.retention.time=30d',
      `--web.listen-address=${listen}`,
      `--web.external-url=${url}`,
      // POST /-/reload after a rule was changed.
      '--web.enable-lifecycle',
    ],
  },
  alertmanager: {
    image: 'prom/alertmanager:v0.33.1',
    port: 9093,
    ready: '/-/ready',
    flags: ({ config, data, listen, url }) => [
      `--config.file=${config}`,
      `--storage.path=${data}`,
      `--web.listen-address=${listen}`,
      `--web.external-url=${url}`,
      // One instance: no gossip, no second port.
      '--cluster.listen-address=',
    ],
  },
} as const satisfies Record<string, Part>;

export type PartName = keyof typeof PARTS;
