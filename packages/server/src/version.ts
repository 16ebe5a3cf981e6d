/** Version of this package, told by `/health` and the terminal. */
export const VERSION = '0.1.0'
