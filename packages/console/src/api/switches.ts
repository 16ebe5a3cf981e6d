/** What is read of kill switches: where they stand with the workers, what they would touch, leave to pass one. */
import type { KillSwitchView } from '@signalbox/protocol'
import { useQuery } from '@tanstack/react-query'
import { useEffect, useState } from 'react'
import { keys } from './queries.ts'
import { useSession } from './session.tsx'

const STATUS_MS = 1500
const SLOW_MS = 5000
/** Typing comes in bursts; the server is asked once for each. */
const TYPING_MS = 300

/** Which workers act on the switches in force. */
export function useSwitchStatus() {
  const { client } = useSession()
  return useQuery({
    queryKey: [...keys.killSwitches, 'status'],
    queryFn: () => client.switchStatus({ query: {} }),
    refetchInterval: STATUS_MS,
  })
}

/** Leave to pass a switch, newest first. */
export function useOverrides() {
  const { client } = useSession()
  return useQuery({
    queryKey: [...keys.killSwitches, 'overrides'],
    queryFn: () => client.overrides(),
    refetchInterval: SLOW_MS,
  })
}

/** Throws, lifts and overrides, oldest first. */
export function useSwitchHistory() {
  const { client } = useSession()
  return useQuery({
    queryKey: [...keys.killSwitches, 'history'],
    queryFn: () => client.switchHistory(),
    refetchInterval: SLOW_MS,
  })
}

/** What a switch would touch, once its target is told; asked again when typing rests. */
export function useBlastRadius(scope: KillSwitchView['scope'], target: string) {
  const { client } = useSession()
  const [rested, setRested] = useState(target)
  useEffect(() => {
    const timer = setTimeout(() => setRested(target), TYPING_MS)
    return () => clearTimeout(timer)
  }, [target])
  return useQuery({
    queryKey: [...keys.killSwitches, 'radius', scope, rested],
    queryFn: () => client.blastRadius({ query: { scope, target: rested } }),
    enabled: rested !== '' && rested === target,
  })
}
