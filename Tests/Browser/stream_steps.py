"""Steps of the conversation where WebSockets do not get through (refusing_proxy.py)."""
import re
import urllib.request

from people_steps import check


class StreamSteps:
    async def both_are_on_streams(self):
        """No WebSocket was opened, and the hub counts two streams."""
        check(self.proxy.refused >= 2, f"{self.proxy.refused} WebSockets were refused")
        figures = self.figures()
        check(figures["hub_event_streams"] == 2, figures)
        check(figures["hub_websockets"] == 0, figures)

    async def a_reload_begins_with_a_stream(self):
        before = self.proxy.refused
        for browser in (self.ada, self.bea):
            await browser.reload()
            await browser.see(".message .text", "Thanks")
            await self.say(browser, f"still here, {browser.name}")
            await self.settled(browser)
        check(self.proxy.refused == before, "it is remembered that WebSockets do not get through")

    def figures(self):
        with urllib.request.urlopen(f"{self.hub.direct}/metrics", timeout=5) as answer:
            lines = answer.read().decode()
        found = re.findall(r"^(hub_(?:event_streams|websockets)) (\d+)$", lines, re.M)
        return {name: int(value) for name, value in found}
