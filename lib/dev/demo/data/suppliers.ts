export type Supplier = {
  id: string
  name: string
  currency: 'EUR' | 'USD' | 'GBP' | 'CHF'
  /** How this supplier numbers its own invoices. */
  prefix: string
  items: readonly { item: string; unitCents: readonly [number, number]; quantity: readonly [number, number] }[]
}

const hardware = [
  { item: 'Laptop 14 inch, 32 GB', unitCents: [128_900, 189_900], quantity: [2, 25] },
  { item: 'Monitor 27 inch', unitCents: [24_900, 41_900], quantity: [5, 40] },
  { item: 'Docking station', unitCents: [11_900, 18_900], quantity: [5, 60] },
] as const
const cloud = [
  { item: 'Object storage, TB month', unitCents: [1_900, 2_400], quantity: [40, 400] },
  { item: 'Support plan, month', unitCents: [89_000, 250_000], quantity: [1, 3] },
] as const
const services = [
  { item: 'Consulting, day', unitCents: [82_000, 135_000], quantity: [3, 40] },
  { item: 'Training, seat', unitCents: [24_000, 69_000], quantity: [4, 30] },
] as const
const office = [
  { item: 'Printer paper, box', unitCents: [1_650, 2_890], quantity: [20, 200] },
  { item: 'Desk chair', unitCents: [21_900, 48_900], quantity: [2, 30] },
  { item: 'Coffee, kg', unitCents: [1_490, 2_290], quantity: [20, 120] },
] as const
const industrial = [
  { item: 'Hydraulic valve HV-20', unitCents: [8_450, 12_990], quantity: [10, 150] },
  { item: 'Bearing 6204, pack of 10', unitCents: [3_490, 5_990], quantity: [10, 200] },
  { item: 'Safety gloves, pair', unitCents: [690, 1_290], quantity: [50, 500] },
] as const
const freight = [
  { item: 'Pallet shipment, domestic', unitCents: [9_800, 16_400], quantity: [2, 40] },
  { item: 'Container 20 ft, import', unitCents: [184_000, 320_000], quantity: [1, 6] },
] as const

/** Invented companies. */
export const suppliers: readonly Supplier[] = [
  { id: 'SUP-101', name: 'Altmark Computer GmbH', currency: 'EUR', prefix: 'AC', items: hardware },
  { id: 'SUP-102', name: 'Birchfield Systems Ltd', currency: 'GBP', prefix: 'BF', items: hardware },
  { id: 'SUP-103', name: 'Cobalt Ridge Hosting Inc', currency: 'USD', prefix: 'CRH', items: cloud },
  { id: 'SUP-104', name: 'Delphin Rechenzentrum AG', currency: 'CHF', prefix: 'DR', items: cloud },
  { id: 'SUP-105', name: 'Eastgate Advisory LLP', currency: 'GBP', prefix: 'EA', items: services },
  { id: 'SUP-106', name: 'Fjord & Partner Beratung', currency: 'EUR', prefix: 'FP', items: services },
  { id: 'SUP-107', name: 'Granite Office Supply Co', currency: 'USD', prefix: 'GOS', items: office },
  { id: 'SUP-108', name: 'Hallmann Bürobedarf GmbH', currency: 'EUR', prefix: 'HB', items: office },
  { id: 'SUP-109', name: 'Ibex Fluid Power AG', currency: 'CHF', prefix: 'IFP', items: industrial },
  { id: 'SUP-110', name: 'Juniper Bearings BV', currency: 'EUR', prefix: 'JB', items: industrial },
  { id: 'SUP-111', name: 'Kestrel Freight Ltd', currency: 'GBP', prefix: 'KF', items: freight },
  { id: 'SUP-112', name: 'Lindqvist Logistik AB', currency: 'EUR', prefix: 'LL', items: freight },
  { id: 'SUP-113', name: 'Marlow Training Group', currency: 'GBP', prefix: 'MTG', items: services },
  { id: 'SUP-114', name: 'Northbay Cloud Inc', currency: 'USD', prefix: 'NBC', items: cloud },
  { id: 'SUP-115', name: 'Orchard Facilities SARL', currency: 'EUR', prefix: 'OF', items: office },
  { id: 'SUP-116', name: 'Pinewood Components SpA', currency: 'EUR', prefix: 'PC', items: industrial },
]
