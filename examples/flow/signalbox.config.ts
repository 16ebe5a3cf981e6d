/** What `signalbox dev` and `signalbox drill` run in this folder. */
export { default } from './src/project.ts'
