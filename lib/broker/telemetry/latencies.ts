import type { Metric } from 'prom-client'

/** How long something took, counted by the first bound that it stayed within. */
export class Latency {
  readonly labels: Readonly<Record<string, string>>
  readonly bounds: readonly number[]
  /** By bound; the last is of what took longer than any. */
  readonly counts: number[]
  sum = 0

  constructor(labels: Readonly<Record<string, string>>, bounds: readonly number[]) {
    this.labels = labels
    this.bounds = bounds
    this.counts = Array.from({ length: bounds.length + 1 }, () => 0)
  }

  observe(seconds: number): void {
    let at = 0
    while (at < this.bounds.length && seconds > this.bounds[at]!) at += 1
    this.counts[at]! += 1
    this.sum += seconds
  }
}

/** A histogram of the registry's whose series are counted in memory and made into text when somebody reads it: prom-client looks up every observation by its labels in words, which a call with five parts feels. */
export class Latencies {
  readonly name: string
  readonly help: string
  readonly type = 'histogram'
  readonly aggregator = 'sum'
  readonly #bounds: readonly number[]
  readonly #series: Latency[] = []

  constructor({ name, help, bounds }: { name: string; help: string; bounds: readonly number[] }) {
    this.name = name
    this.help = help
    this.#bounds = bounds
  }

  /** As the registry takes it. */
  get metric(): Metric {
    return this as unknown as Metric
  }

  /** One more series: whoever observes keeps it. */
  series(labels: Readonly<Record<string, string>>): Latency {
    const series = new Latency(labels, this.#bounds)
    this.#series.push(series)
    return series
  }

  /** Asked by the registry. */
  get(): Promise<object> {
    const { name, help, type, aggregator } = this
    return Promise.resolve({
      name,
      help,
      type,
      aggregator,
      values: this.#series.flatMap((each) => this.#valuesOf(each)),
    })
  }

  #valuesOf({ labels, bounds, counts, sum }: Latency) {
    let count = 0
    const buckets = counts.map((of, at) => ({
      metricName: `${this.name}_bucket`,
      labels: { le: bounds[at] ?? '+Inf', ...labels },
      value: (count += of),
    }))
    return [
      ...buckets,
      { metricName: `${this.name}_sum`, labels, value: sum },
      { metricName: `${this.name}_count`, labels, value: count },
    ]
  }
}
