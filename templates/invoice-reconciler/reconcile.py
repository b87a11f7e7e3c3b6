"""Compares invoices.csv with orders.csv of a folder and prints what does not fit, as one line of JSON."""
import csv
import json
import sys
from collections import defaultdict
from decimal import Decimal

folder, tolerance = sys.argv[1], Decimal(sys.argv[2])


def rows(name):
    with open(f"{folder}/{name}", newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


orders = {row["po_number"]: row for row in rows("orders.csv")}
invoices = sorted(rows("invoices.csv"), key=lambda row: (row["issued_on"], row["id"]))
seen = {}
billed = defaultdict(int)
found = []


def report(kind, invoice, detail):
    found.append({"kind": kind, "invoice_id": invoice["id"], "po_number": invoice["po_number"], "detail": detail})


for invoice in invoices:
    order = orders.get(invoice["po_number"])
    reference = (invoice["supplier_id"], invoice["supplier_reference"])
    quantity = int(invoice["quantity"])
    if reference in seen:
        report("duplicate_invoice", invoice, f"same supplier reference {reference[1]} as {seen[reference]}")
        continue
    seen[reference] = invoice["id"]
    if order is None:
        number = invoice["po_number"]
        report("missing_po", invoice, f"there is no order {number}" if number else "no order number is given")
        continue
    if invoice["supplier_id"] != order["supplier_id"]:
        report("wrong_supplier", invoice, f"billed by {invoice['supplier_id']}, ordered from {order['supplier_id']}")
        continue
    if invoice["currency"] != order["currency"]:
        report("wrong_currency", invoice, f"billed in {invoice['currency']}, ordered in {order['currency']}")
        continue
    expected = quantity * Decimal(order["unit_price"])
    amount = Decimal(invoice["amount"])
    if abs(amount - expected) > tolerance:
        detail = f"billed {amount} {invoice['currency']}, the order gives {expected} (difference {amount - expected})"
        report("amount_mismatch", invoice, detail)
        continue
    billed[invoice["po_number"]] += quantity
    if billed[invoice["po_number"]] > int(order["quantity"]):
        detail = f"{billed[invoice['po_number']]} billed, {order['quantity']} ordered"
        report("quantity_difference", invoice, detail)

print(
    "RECONCILED "
    + json.dumps(
        {
            "invoices": len(invoices),
            "orders": len(orders),
            "matched": len(invoices) - len(found),
            "discrepancies": sorted(found, key=lambda item: (item["kind"], item["invoice_id"])),
        }
    )
)
