/** Reads the protobuf form of OTLP requests into what their JSON form says. It knows the fields that Signalbox sends. */

type Message = Readonly<Record<number, string>>

/** Messages of OTLP: field number to its name in JSON, its type, and `*` where it repeats. */
const MESSAGES: Readonly<Record<string, Message>> = {
  Request: { 1: 'groups Group*' },
  Group: { 1: 'resource Resource', 2: 'scopes Scope*' },
  Resource: { 1: 'attributes KeyValue*' },
  KeyValue: { 1: 'key string', 2: 'value Value' },
  Value: {
    1: 'stringValue string',
    2: 'boolValue bool',
    3: 'intValue int',
    4: 'doubleValue double',
    5: 'arrayValue List',
  },
  List: { 1: 'values Value*' },
  Spans: { 2: 'items Span*' },
  Span: {
    1: 'traceId hex',
    2: 'spanId hex',
    4: 'parentSpanId hex',
    5: 'name string',
    6: 'kind int',
    7: 'startTimeUnixNano fixed',
    8: 'endTimeUnixNano fixed',
    9: 'attributes KeyValue*',
    13: 'links Link*',
    15: 'status Status',
  },
  Link: { 1: 'traceId hex', 2: 'spanId hex', 4: 'attributes KeyValue*' },
  Status: { 3: 'code int' },
  Logs: { 2: 'items Log*' },
  Log: {
    1: 'timeUnixNano fixed',
    2: 'severityNumber int',
    6: 'attributes KeyValue*',
    9: 'traceId hex',
    10: 'spanId hex',
    12: 'eventName string',
  },
  Metrics: { 2: 'items Metric*' },
  Metric: { 1: 'name string', 3: 'unit string', 5: 'gauge Points', 7: 'sum Points', 9: 'histogram Histograms' },
  Points: { 1: 'dataPoints Point*' },
  Point: { 4: 'asDouble double', 6: 'asInt fixed', 7: 'attributes KeyValue*' },
  Histograms: { 1: 'dataPoints Histogram*' },
  Histogram: { 4: 'count fixed', 5: 'sum double', 9: 'attributes KeyValue*' },
}

/** The name under which each signal's request and its groups list what they hold, in JSON. */
const SIGNALS = {
  traces: { group: 'resourceSpans', scope: 'scopeSpans', items: 'spans', message: 'Spans' },
  logs: { group: 'resourceLogs', scope: 'scopeLogs', items: 'logRecords', message: 'Logs' },
  metrics: { group: 'resourceMetrics', scope: 'scopeMetrics', items: 'metrics', message: 'Metrics' },
} as const

/** A request in protobuf as its JSON form. Throws for bytes that are none. */
export function requestOf(signal: keyof typeof SIGNALS, bytes: Uint8Array): Readonly<Record<string, unknown>> {
  const { group, scope, items, message } = SIGNALS[signal]
  const read = new Reader(bytes, { ...MESSAGES, Scope: MESSAGES[message] ?? {} }).message('Request')
  const groups = listOf(read.groups).map((each) => ({
    resource: each.resource,
    [scope]: listOf(each.scopes).map((own) => ({ [items]: own.items ?? [] })),
  }))
  return { [group]: groups }
}

type Read = Record<string, unknown>

function listOf(value: unknown): readonly Read[] {
  // Messages are read into plain objects below.
  return (value ?? []) as readonly Read[]
}

/** Reads one message after the other. Fields that the table does not name are passed over. */
class Reader {
  readonly #bytes: Buffer
  readonly #messages: Readonly<Record<string, Message>>
  #at = 0

  constructor(bytes: Uint8Array, messages: Readonly<Record<string, Message>>) {
    this.#bytes = Buffer.from(bytes)
    this.#messages = messages
  }

  message(name: string, end = this.#bytes.length): Read {
    const known = this.#messages[name] ?? {}
    const read: Read = {}
    while (this.#at < end) {
      const tag = Number(this.#varint())
      const [field, type = ''] = known[tag >>> 3]?.split(' ') ?? []
      const value = this.#value(tag & 7, type.replace('*', ''))
      if (field === undefined) continue
      if (type.endsWith('*')) read[field] = [...listOf(read[field]), value]
      else read[field] = value
    }
    if (this.#at !== end) throw new Error(`a message \`${name}\` does not end where it says`)
    return read
  }

  #value(wire: number, type: string): unknown {
    if (wire === 0) return this.#number(type)
    if (wire === 1) return this.#eight(type)
    if (wire === 5) return this.#skip(4)
    if (wire !== 2) throw new Error(`wire type ${wire} is not known`)
    const length = Number(this.#varint())
    const end = this.#at + length
    if (end > this.#bytes.length) throw new Error('a field is longer than its message')
    if (type in this.#messages) return this.message(type, end)
    const own = this.#bytes.subarray(this.#at, end)
    this.#at = end
    return type === 'hex' ? own.toString('hex') : own.toString('utf8')
  }

  #number(type: string): boolean | number {
    const value = this.#varint()
    return type === 'bool' ? value === 1n : Number(BigInt.asIntN(64, value))
  }

  #eight(type: string): number | string {
    const at = this.#skip(8)
    return type === 'double' ? this.#bytes.readDoubleLE(at) : String(this.#bytes.readBigUInt64LE(at))
  }

  #skip(bytes: number): number {
    this.#at += bytes
    return this.#at - bytes
  }

  #varint(): bigint {
    let value = 0n
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.#bytes[this.#at]
      if (byte === undefined) break
      this.#at += 1
      value |= BigInt(byte & 127) << shift
      if (byte < 128) return value
    }
    throw new Error('a number does not end')
  }
}
