/** What `npm start` and `signalbox dev` run in this folder: the payables desk. */
export { default } from './examples/payables/src/project.ts'
