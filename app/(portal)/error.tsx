'use client'

import { PageFailure } from '#components/shell/page-failure.client.tsx'

export default PageFailure
