/**
 * Every way by which something comes to the door or moves a run. The types that the engine works with are made of these
 * lists, so that a kind that they lack does not compile; the matrix of paths and gates takes its rows from them.
 */
export const WAYS = {
  /** What is on record as asked for. `scope` is a tool that enters a nested scope. */
  activity: ['tool', 'model', 'timer', 'scope', 'step', 'request'],
  /** What an activity reads of its own accord, beside what was asked for. */
  read: ['facts', 'preview', 'reconcile'],
  /** What runs in a superstep. */
  node: ['function', 'agent', 'port', 'timer', 'workflow'],
  /** Why a process takes a run up. */
  segment: ['start', 'wake', 'takeover', 'person'],
  /** What those who do not hold a run tell it (ENGINE R3). */
  inbox: ['decide', 'review', 'answer', 'respond', 'cancel', 'terminate', 'resume', 'restore', 'settled'],
} as const

/** One of the lists. */
export type WayList = keyof typeof WAYS

/** One way of a list. */
export type Way<L extends WayList> = (typeof WAYS)[L][number]
