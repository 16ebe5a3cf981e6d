/** The sample project with schedules that are wrong. */
import sample from './signalbox.config.ts'

export default {
  ...sample,
  schedules: [
    { name: 'zoneless', cron: '0 3 * * *', do: { job: 'report' } },
    { name: 'wash', every: { days: 1 }, do: { workflow: 'laundry', input: {} } },
  ],
}
