"""Strangers: who may meet, and what was reported."""

from typing import Any

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from chat import actions
from chat.admin.base import ReadOnlyAdmin, operator_of
from chat.models import Report, Stranger


@admin.register(Stranger)
class StrangerAdmin(ReadOnlyAdmin):
    """Who came to meet strangers within the last day, and who may not any more."""

    list_display = ("user", "state", "reason", "since", "barred_at")
    list_display_links = None
    list_filter = ("state", ("barred_at", admin.EmptyFieldListFilter))
    list_select_related = ("user",)
    search_fields = ("user__username", "user__display_name")
    ordering = ("-since",)
    actions = ("bar", "admit")

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """They go by themselves."""
        return False

    def has_bar_permission(self, request: HttpRequest) -> bool:
        """Who may change strangers: the actions ask this."""
        return request.user.has_perm("chat.change_stranger")

    @admin.action(description="Bar selected from meeting strangers", permissions=["bar"])
    def bar(self, request: HttpRequest, queryset: QuerySet[Stranger]) -> None:
        """They meet nobody, from now on."""
        found = list(queryset.filter(barred_at=None).order_by("pk"))
        for one in found:
            actions.bar_stranger(operator_of(request), one.user)
        self.report(request, len(found), "Barred")

    @admin.action(description="Let selected meet strangers again", permissions=["bar"])
    def admit(self, request: HttpRequest, queryset: QuerySet[Stranger]) -> None:
        """They may come again."""
        found = list(queryset.exclude(barred_at=None).order_by("pk"))
        for one in found:
            actions.admit_stranger(operator_of(request), one.user)
        self.report(request, len(found), "Admitted")


@admin.register(Report)
class ReportAdmin(ReadOnlyAdmin):
    """What people reported of strangers. Nobody changes it."""

    list_display = ("created", "by", "whom", "shortened", "settled_at", "settled_by")
    list_filter = (("settled_at", admin.EmptyFieldListFilter), "created")
    list_select_related = ("by", "whom", "settled_by")
    search_fields = ("reason", "by__username", "whom__username", "whom__display_name")
    ordering = ("-pk",)
    actions = ("settle", "bar")

    @admin.display(description="reason")
    def shortened(self, obj: Any) -> str:
        """The first words."""
        return str(obj.reason)[:80]

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """They are settled, and stay."""
        return False

    def has_settle_permission(self, request: HttpRequest) -> bool:
        """Who may change reports."""
        return request.user.has_perm("chat.change_report")

    def has_bar_permission(self, request: HttpRequest) -> bool:
        """Who may change strangers."""
        return request.user.has_perm("chat.change_stranger")

    @admin.action(description="Mark selected as settled", permissions=["settle"])
    def settle(self, request: HttpRequest, queryset: QuerySet[Report]) -> None:
        """They were dealt with."""
        found = list(queryset.filter(settled_at=None).select_related("whom").order_by("pk"))
        for report in found:
            actions.settle_report(operator_of(request), report)
        self.report(request, len(found), "Settled")

    @admin.action(description="Bar the reported from meeting strangers", permissions=["bar"])
    def bar(self, request: HttpRequest, queryset: QuerySet[Report]) -> None:
        """They meet nobody, from now on."""
        people = {report.whom for report in queryset.select_related("whom") if report.whom}
        for user in sorted(people, key=lambda user: user.pk):
            actions.bar_stranger(operator_of(request), user)
        self.report(request, len(people), "Barred")
