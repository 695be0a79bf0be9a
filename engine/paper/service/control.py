"""The second address: it makes faults, moves the market, and tells the truth. For tests."""

from dataclasses import asdict
from typing import Any

from engine.errors import EngineError
from engine.paper.account import START_CASH
from engine.paper.errors import Reason, Refused
from engine.paper.service.office import HangUp, Office
from engine.paper.service.wire import Answer, Asked, Operation, Request, Route, Routes
from engine.paper.truth import truth


class Control:
    def __init__(self, office: Office) -> None:
        self.office = office
        self.desk = office.desk
        routes = [
            ("GET", "/truth", self.tell_truth),
            ("GET", "/faults", self.tell_faults),
            ("POST", "/faults", self.plan_fault),
            ("DELETE", "/faults", self.clear_faults),
            ("POST", "/chances", self.set_chances),
            ("POST", "/prices", self.hold_prices),
            ("POST", "/funding", self.pay_funding),
            ("GET", "/accounts", self.tell_accounts),
            ("POST", "/accounts", self.open_account),
        ]
        self._routes: Routes[Office] = Routes(
            (method, path, Route(Operation.SETTING, does)) for method, path, does in routes
        )

    def answer(self, request: Request) -> Answer:
        found = self._routes.find(request.method, request.path)
        if found is None:
            return Answer(404, {"message": "no such address"})
        with self.office.lock:
            try:
                self.office.step()
                return Answer(200, found[0].does(self.office, request.asked()))
            except HangUp:
                raise
            except (EngineError, ArithmeticError, ValueError, LookupError, TypeError) as error:
                return Answer(400, {"message": str(error)})

    def tell_truth(self, _office: Office, _asked: Asked) -> Any:
        return truth(self.desk.exchange)

    def tell_faults(self, _office: Office, _asked: Asked) -> Any:
        return self.desk.faults.told()

    def plan_fault(self, office: Office, asked: Asked) -> Any:
        self.desk.faults.plan(asked.told)
        return self.tell_faults(office, asked)

    def clear_faults(self, office: Office, asked: Asked) -> Any:
        self.desk.faults.clear()
        return self.tell_faults(office, asked)

    def set_chances(self, office: Office, asked: Asked) -> Any:
        self.desk.faults.set_chances(asked.told)
        return self.tell_faults(office, asked)

    def hold_prices(self, _office: Office, asked: Asked) -> Any:
        """{symbol: price} holds it there; null lets it go on moving."""
        for symbol in asked.told:
            self.desk.exchange.instrument(symbol)
            if symbol in asked and asked.exact(symbol) <= 0:
                raise Refused(Reason.BAD_PRICE, "no such price", symbol=symbol)
        for symbol in asked.told:
            if symbol in asked:
                self.desk.market.held[symbol] = asked.exact(symbol)
            else:
                self.desk.market.held.pop(symbol, None)
        self.desk.step()
        return {symbol: str(price) for symbol, price in self.desk.exchange.marks.items()}

    def pay_funding(self, _office: Office, asked: Asked) -> Any:
        self.desk.exchange.pay_funding(asked.exact("rate"))
        return {}

    def tell_accounts(self, _office: Office, _asked: Asked) -> Any:
        return [asdict(key) for key in self.desk.keys]

    def open_account(self, office: Office, asked: Asked) -> Any:
        named = {dialect.name: dialect for dialect in office.dialects}
        dialect = named[asked.needed("dialect")]
        name = asked.text("name") or f"{dialect.name}-{len(self.desk.exchange.accounts) + 1}"
        cash = asked.exact_or_none("cash") or START_CASH
        withdraws = asked.told.get("withdraws") is True
        key = office.open_account(dialect, name, cash, withdraws=withdraws)
        return asdict(key)
