"""A small catalog, code that records its events, and what a run of `coverage` printed."""

import json
from pathlib import Path
from typing import Any

CATALOG = {
    "catalog.yaml": """\
format: 1
package: shop_events
title: Events of the shop
version: 1.2.0
levels:
  shop: {title: Shop events, description: What happens in the shop.}
  device: {title: Device events, description: What happens on a device.}
""",
    "fields.yaml": """\
order_id: {title: Order ID, type: string, description: Identifier of the order.}
carrier: {title: Carrier, type: string, description: Who brings the order.}
""",
    "shop/orders.yaml": """\
category: orders
title: Orders
description: What happens to orders.
metadata: [order_id]
events:
  order_placed:
    title: Order placed
    description: Someone placed an order. Recorded when it is paid.
    message: Order {order_id} was placed.
    aliases: [shop.baskets.basket_paid]
    example: {order_id: o-1}
  order_shipped:
    title: Order shipped
    description: An order left the store. Recorded when it is handed over.
    message: Order {order_id} was shipped.
    metadata:
      carrier: {required: false}
    example: {order_id: o-1}
  order_sent:
    title: Order sent
    description: An order left the store, as it was called before.
    message: Order {order_id} was sent.
    deprecated: {since: 1.1.0, use: shop.orders.order_shipped, note: It says who brings it.}
    example: {order_id: o-1}
""",
    "device/orders.yaml": """\
category: orders
title: Orders on devices
description: What devices do with orders.
metadata: [order_id]
events:
  order_shown:
    title: Order shown
    description: A device showed an order. Recorded when it appears.
    message: Order {order_id} was shown.
    example: {order_id: o-1}
""",
}
PLACED, SHIPPED, SENT, SHOWN = (
    "shop.orders.order_placed",
    "shop.orders.order_shipped",
    "shop.orders.order_sent",
    "device.orders.order_shown",
)
ORDERS = "from shop_events.shop.orders import Orders\n"
AUDIT = "from shop_events import AsyncAuditEvents, AuditEvents\naudit = AuditEvents(log)\n"


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")


class Found:
    """What a run printed, as JSON."""

    def __init__(self, code: int, printed: str) -> None:
        self.code = code
        self.document: dict[str, Any] = json.loads(printed)

    @property
    def emitted(self) -> dict[str, list[str]]:
        """By event: the places that emit it, and how."""
        return {
            event["key"]: [
                f"{each['path']}:{each['line']}:{each['column']} {each['how']}" for each in event["emissions"]
            ]
            for event in self.document["events"]
            if event["emissions"]
        }

    @property
    def problems(self) -> list[str]:
        """All findings but those about events that nothing emits."""
        return [
            f"{each['path']}:{each['line']}:{each['column']} {each['code']} {each['message']}"
            for each in self.document["findings"]
            if each["code"] != "AC971"
        ]

    @property
    def notes(self) -> list[str]:
        return [
            f"{each['path']}:{each['line']}:{each['column']} {each['message']}"
            for each in self.document["notes"]
        ]
