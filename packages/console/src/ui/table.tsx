import type { ReactNode } from 'react'

/** A column: its heading, whether it holds numbers, and whether it takes the whole card on narrow screens. */
export interface Column<T> {
  readonly name: string
  readonly cell: (row: T) => ReactNode
  readonly num?: boolean
  readonly wide?: boolean
}

/**
 * A table that turns into cards on narrow screens. The roles are written out because the card layout would otherwise
 * take them away from screen readers.
 */
export function Table<T>({
  label,
  columns,
  rows,
  rowKey,
}: {
  label: string
  columns: readonly Column<T>[]
  rows: readonly T[]
  rowKey: (row: T) => string
}) {
  return (
    // biome-ignore lint/a11y/noRedundantRoles: the card layout takes the implied role away
    <table role="table" aria-label={label} className="grid-table">
      {/* biome-ignore lint/a11y/noRedundantRoles: as above */}
      <thead role="rowgroup">
        {/* biome-ignore lint/a11y/noRedundantRoles: as above */}
        <tr role="row">
          {columns.map((column) => (
            // biome-ignore lint/a11y/noRedundantRoles: as above
            <th key={column.name} role="columnheader" scope="col" className={column.num ? 'num' : ''}>
              {column.name}
            </th>
          ))}
        </tr>
      </thead>
      {/* biome-ignore lint/a11y/noRedundantRoles: as above */}
      <tbody role="rowgroup">
        {rows.map((row) => (
          // biome-ignore lint/a11y/noRedundantRoles: as above
          <tr key={rowKey(row)} role="row">
            {columns.map((column) => (
              <td
                key={column.name}
                // biome-ignore lint/a11y/noRedundantRoles: as above
                role="cell"
                data-label={column.name}
                className={`${column.num ? 'num' : ''} ${column.wide ? 'wide' : ''}`}
              >
                {column.cell(row)}
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  )
}
