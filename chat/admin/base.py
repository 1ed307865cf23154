"""What all pages of the admin share: changes go through chat.actions, and a refusal is said in words."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Model
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect

from chat.models import User
from chat.problems import Problem

if TYPE_CHECKING:
    _ModelAdmin = admin.ModelAdmin[Any]
    TabularInline = admin.TabularInline[Any, Any]
else:  # Django's own classes take no parameters
    _ModelAdmin = admin.ModelAdmin
    TabularInline = admin.TabularInline


def operator_of(request: HttpRequest) -> User:
    """Who uses the admin: its site lets nobody else in."""
    assert isinstance(request.user, User)  # noqa: S101 - for the types
    return request.user


class ChatAdmin(_ModelAdmin):
    """A model's pages. What chat.actions refuses undoes the whole request, and its reason is shown.

    Subclasses say how to save and delete; nothing here may call save() or delete() of a model or queryset.
    """

    show_full_result_count = False  # a second count of all rows for each search

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Add or change."""
        return self.guarded(request, super().changeform_view, *args, **kwargs)

    def delete_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Delete one."""
        return self.guarded(request, super().delete_view, *args, **kwargs)

    def changelist_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """The list, and its actions: all of what was selected, or nothing."""
        if not _is_readable(request):
            self.message_user(request, "This can't be read: choose from the list.", messages.ERROR)
            return HttpResponseRedirect(request.path)
        return self.guarded(request, super().changelist_view, *args, **kwargs)

    def _get_obj_does_not_exist_redirect(self, request: HttpRequest, opts: Any, object_id: str) -> HttpResponse:
        """Django sends everybody to the index with a message; who wanted to change something would take it for done."""
        if request.method not in ("GET", "HEAD"):
            raise Http404
        led: HttpResponse = super()._get_obj_does_not_exist_redirect(request, opts, object_id)  # type: ignore[misc]
        return led

    def guarded(
        self, request: HttpRequest, view: Callable[..., HttpResponse], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """What `view` answers; when an action refuses, nothing is changed, and the page shows why."""
        if request.method != "POST":  # reads take no lock
            return view(request, *args, **kwargs)
        try:
            with transaction.atomic():
                return view(request, *args, **kwargs)
        except Problem as problem:
            reason = problem.detail
        except ValidationError as error:
            reason = " ".join(error.messages)
        self.message_user(request, reason, messages.ERROR)
        return HttpResponseRedirect(request.get_full_path())

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        """A filter by part of a digest or a secret would tell it bit by bit."""
        return not lookup.startswith(("digest", "secret")) and super().lookup_allowed(lookup, value, request)  # type: ignore[arg-type]

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """A model without a way to save through chat.actions can't be saved."""
        raise Problem("ROOM_ACCESS_DENIED", "This can't be changed here.")

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        """A model without a way to delete through chat.actions can't be deleted."""
        raise Problem("ROOM_ACCESS_DENIED", "This can't be deleted here.")

    def delete_queryset(self, request: HttpRequest, queryset: Any) -> None:
        """Each by its own, in one order: two operators at once wait for each other instead of blocking each other."""
        for obj in queryset.order_by("pk"):
            self.delete_model(request, obj)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Only what save_formset saves: Django would write relations of the form past chat.actions."""
        for formset in formsets:
            self.save_formset(request, form, formset, change=change)

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        """A model without a way to save rows of others through chat.actions has none."""
        raise Problem("ROOM_ACCESS_DENIED", "This can't be changed here.")

    def get_deleted_objects(
        self, objs: Iterable[Any], request: HttpRequest
    ) -> tuple[list[str], dict[str, int], set[str], list[str]]:
        """What the page that asks once more lists. Django would list all related rows, messages among them."""
        found = list(objs)
        names = {str(self.opts.verbose_name)}
        denied = names if not all(self.has_delete_permission(request, obj) for obj in found) else set()
        return [self.loss(obj) for obj in found], {str(self.opts.verbose_name_plural): len(found)}, denied, []

    def loss(self, obj: Any) -> str:
        """What is lost when `obj` is deleted, in words."""
        return str(obj)

    def report(self, request: HttpRequest, count: int, what: str) -> None:
        """Say what an action of the list did."""
        self.message_user(request, f"{what}: {count}.", messages.SUCCESS)


def _is_readable(request: HttpRequest) -> bool:
    """Whether the request to a list has what databases take: Django hands on which rows were chosen as it is sent, and
    PostgreSQL takes no NUL."""
    chosen = request.POST.getlist(ACTION_CHECKBOX_NAME)
    are_rows = all(one.isascii() and one.isdigit() and len(one) < 19 for one in chosen)
    return are_rows and not any("\0" in value for values in request.GET.lists() for value in values[1])


class ReadOnlyAdmin(ChatAdmin):
    """Rows that nobody adds or changes by hand, superusers included."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nobody; who has the permission may look."""
        return False
