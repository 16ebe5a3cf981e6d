import { SignalboxError } from 'signalbox'
import type { ExposureService } from '../exposure/service.ts'
import type { ApiDeps, Handlers } from './handlers.ts'

/** Endpoints about the audit of exposure. It is about the whole server: its permission is not for one tenant's people. */
export function exposureHandlers(deps: ApiDeps): Pick<Handlers, 'exposureAudit' | 'startExposureAudit'> {
  return {
    exposureAudit: async () => serviceOf(deps).view(),
    startExposureAudit: async () => {
      const service = serviceOf(deps)
      service.start()
      return service.view()
    },
  }
}

function serviceOf({ exposure }: ApiDeps): ExposureService {
  if (exposure) return exposure
  throw new SignalboxError('CONFIG_INVALID', 'this process makes no audits: run `signalbox audit exposure`')
}
