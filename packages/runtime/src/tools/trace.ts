import type { TraceContext } from '../contracts/tool.ts'

/**
 * What goes into `params._meta` of a request of the Model Context Protocol, so that the server's spans hang below the call;
 * `baggage` only where `server` (`host:port`) is trusted with it.
 */
export function traceMeta(trace: TraceContext, server: string | null = null): Readonly<Record<string, string>> {
  const baggage = server === null ? null : trace.baggageFor(server)
  return { traceparent: trace.traceparent, ...(baggage === null ? {} : { baggage }) }
}

/** What goes into the environment of a child process that does the work of a call: the usual variable of the trace. */
export function traceEnv(trace: TraceContext): Readonly<Record<string, string>> {
  return { TRACEPARENT: trace.traceparent }
}
