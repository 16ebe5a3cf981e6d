import type { EndpointName, EndpointOutput, EndpointParsed, TelemetryStanding } from '@signalbox/protocol'
import type {
  Host,
  LineageCheckStore,
  Mode,
  ModelPort,
  Principal,
  RunsApi,
  Store,
  SwitchesApi,
  WorkflowSpec,
} from 'signalbox'
import type { AlertService } from '../alerts/service.ts'
import type { FactFinder } from '../facts/finder.ts'
import type { BundleBook } from '../policy/bundles.ts'
import type { TroubleBoard } from '../health/troubles.ts'
import type { PolicyService } from '../policy/service.ts'
import type { ErasureService } from '../erasure/service.ts'
import type { AccessService } from '../identity/access.ts'
import type { EvidenceService } from '../evidence/service.ts'
import type { ExposureService } from '../exposure/service.ts'
import type { OutboxService } from '../notify/service.ts'
import type { ScheduleService } from '../schedules/service.ts'

/** What the endpoints work with. */
export interface ApiDeps {
  readonly runs: RunsApi
  /** Without it nothing is told of workers and overrides. */
  readonly switches?: SwitchesApi
  /** For the exact bytes that an audit verifies, and for the check of lineage, which stores what it found. */
  readonly store: Pick<Store, 'definition'> & LineageCheckStore
  /** What is wrong now. Default: nothing is known. */
  readonly troubles?: Pick<TroubleBoard, 'view'>
  /** How telemetry is delivered. Without it nothing is told of it. */
  readonly telemetry?: () => Promise<TelemetryStanding>
  /** Default: none. */
  readonly schedules?: ScheduleService
  /** Without it who may do what is not told here. */
  readonly access?: AccessService
  /** Default: none are kept. */
  readonly alerts?: AlertService
  /** Without it nothing of a run is handed out here. */
  readonly evidence?: EvidenceService
  /** Without it no audits of exposure are made here. */
  readonly exposure?: ExposureService
  /** Default: no channels. */
  readonly outbox?: OutboxService
  /** Without it nobody is erased here. */
  readonly erasures?: ErasureService
  /** Without it nothing is told of decisions. */
  readonly bundles?: BundleBook
  /** Without it nothing is found over runs. */
  readonly facts?: Pick<FactFinder, 'find' | 'costs'>
  /** Without it the policy cannot be changed or looked at here. */
  readonly policy?: PolicyService
  readonly workflows: readonly WorkflowSpec[]
  readonly models: ModelPort
  readonly host: Host
  readonly mode: Mode
  /** Version of the server, as packages say it. */
  readonly version: string
}

/** Carries out one endpoint for a principal who may call it. Input is parsed; errors are thrown as SignalboxError. */
export type Handler<N extends EndpointName> = (input: EndpointParsed<N>, who: Principal) => Promise<EndpointOutput<N>>

/** One handler for every endpoint of the table. */
export type Handlers = { readonly [N in EndpointName]: Handler<N> }
