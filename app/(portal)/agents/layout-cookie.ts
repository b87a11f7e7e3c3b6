/** Where a browser keeps how somebody has arranged the table; parse-layout.ts says what it may hold. */
export const layoutCookie = 'wheelhouse-catalog'
