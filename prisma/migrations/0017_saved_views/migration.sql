-- Saved views of the catalog.
CREATE TABLE "CatalogView" (
    "id" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "ownerId" UUID NOT NULL,
    "shared" BOOLEAN NOT NULL DEFAULT false,
    "state" JSONB NOT NULL,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "CatalogView_pkey" PRIMARY KEY ("id")
);

CREATE UNIQUE INDEX "CatalogView_ownerId_name_key" ON "CatalogView"("ownerId", "name");

ALTER TABLE "CatalogView" ADD CONSTRAINT "CatalogView_ownerId_fkey" FOREIGN KEY ("ownerId") REFERENCES "Person"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

CREATE TABLE "CatalogDefault" (
    "role" TEXT NOT NULL,
    "viewId" UUID NOT NULL,

    CONSTRAINT "CatalogDefault_pkey" PRIMARY KEY ("role")
);

ALTER TABLE "CatalogDefault" ADD CONSTRAINT "CatalogDefault_viewId_fkey" FOREIGN KEY ("viewId") REFERENCES "CatalogView"("id") ON DELETE CASCADE ON UPDATE CASCADE;
