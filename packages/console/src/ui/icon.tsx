import type { IconName } from '../lib/words.ts'

const SHAPES: Record<IconName, string> = {
  check: 'M3.5 8.5 6.5 11.5 12.5 4.5',
  cross: 'M4 4 12 12M12 4 4 12',
  clock: 'M8 2.2a5.8 5.8 0 1 0 0 11.6A5.8 5.8 0 0 0 8 2.2ZM8 5v3.2l2 1.6',
  pause: 'M5.5 3.5v9M10.5 3.5v9',
  question: 'M5.6 6a2.4 2.4 0 1 1 3.4 2.2c-.7.4-1 .8-1 1.6M8 12.4v.2',
  stop: 'M4 4h8v8H4z',
  play: 'M5.5 3.5v9L12 8z',
  dot: 'M8 5.5a2.5 2.5 0 1 0 0 5 2.5 2.5 0 0 0 0-5Z',
  ban: 'M8 2.2a5.8 5.8 0 1 0 0 11.6A5.8 5.8 0 0 0 8 2.2ZM4 12 12 4',
  flag: 'M4 14V2.5M4 3h8l-2 2.75L12 8.500H4',
  person: 'M8 2.5a2.6 2.6 0 1 0 0 5.2 2.6 2.6 0 0 0 0-5.200ZM3 13.500c.4-2.6 2.4-3.8 5-3.800s4.6 1.2 5 3.8',
  warning: 'M8 2.5 14.2 13H1.800ZM8 6.500v3M8 11.300v.1',
  chevron: 'M6 3.5 10.5 8 6 12.5',
  keyboard: 'M1.8 4h12.400v8H1.800ZM4.5 6.700h.1M7 6.700h.1M9.5 6.700h.1M12 6.700h.1M5 9.500h6',
  search: 'M7 2.800a4.2 4.2 0 1 0 0 8.4 4.2 4.2 0 0 0 0-8.400ZM10.2 10.2 13.5 13.5',
  back: 'M10 3.5 5.5 8l4.5 4.5',
}

/** A symbol beside a word; it is never read out and never stands for the word. */
export function Icon({ name, className = '' }: { name: IconName; className?: string }) {
  return (
    <svg
      aria-hidden="true"
      viewBox="0 0 16 16"
      className={`size-3.5 shrink-0 ${className}`}
      fill="none"
      stroke="currentColor"
      strokeWidth="1.8"
      strokeLinecap="round"
      strokeLinejoin="round"
    >
      <path d={SHAPES[name]} />
    </svg>
  )
}

/** The project's mark: a semaphore arm and a lamp. */
export function Mark({ className = 'size-6' }: { className?: string }) {
  return (
    <svg aria-hidden="true" viewBox="0 0 32 32" className={`shrink-0 ${className}`}>
      <rect width="32" height="32" rx="7" fill="#17324d" />
      <path d="M10 27V6" stroke="#c9d6e3" strokeWidth="2.6" strokeLinecap="round" />
      <path d="M10 8.2 26 5v6.400L10 14.600z" fill="#f0685c" />
      <circle cx="10" cy="21" r="3.6" fill="#63d297" />
    </svg>
  )
}
