// Runs before the first paint, so that the page never flashes in the other theme. A file of its own: the content
// security policy allows no inline script.
;(() => {
  // The schema library would probe `new Function`, which the content security policy reports as a violation.
  globalThis.__zod_globalConfig = { jitless: true }
  let choice = null
  try {
    choice = localStorage.getItem('signalbox.theme')
  } catch {
    // Storage may be switched off: the system's theme is used.
  }
  const dark = choice === 'dark' || (choice !== 'light' && matchMedia('(prefers-color-scheme: dark)').matches)
  document.documentElement.dataset.theme = dark ? 'dark' : 'light'
})()
