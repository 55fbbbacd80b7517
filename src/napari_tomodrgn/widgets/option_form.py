"""A form made from a command's options: magicgui's widgets, a row each, with the command line's help and complaints."""

from collections.abc import Callable, Sequence

from magicgui.types import FileDialogMode
from magicgui.widgets import CheckBox, ComboBox, FileEdit, LineEdit, SpinBox
from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtWidgets import QFormLayout, QLabel, QLineEdit, QToolButton, QVBoxLayout, QWidget

from napari_tomodrgn.cli.option_fields import OFF, ON, OptionField
from napari_tomodrgn.viewer.option_values import OptionValues
from napari_tomodrgn.widgets.following import follow_at_once

LARGEST_WHOLE = 2**31 - 1  # of Qt's spin boxes
UNSET = "as it suits"  # neither on nor off
FILE_MODES = {
    "file": FileDialogMode.EXISTING_FILE,
    "new file": FileDialogMode.OPTIONAL_FILE,
    "folder": FileDialogMode.EXISTING_DIRECTORY,
}
ValueWidget = CheckBox | ComboBox | FileEdit | LineEdit | SpinBox


def widget_for(field: OptionField) -> ValueWidget:
    """Return the magicgui widget that asks for an option."""
    if field.kind == "flag":
        return CheckBox(text="") if field.default else ComboBox(choices=[UNSET, ON, OFF])
    if field.kind == "choice":
        return ComboBox(choices=list(field.choices))
    if field.kind == "whole number":
        low = 0 if field.low is None else field.low
        return SpinBox(min=low, max=LARGEST_WHOLE if field.high is None else min(field.high, LARGEST_WHOLE))
    if field.kind in FILE_MODES:
        path = FileEdit(mode=FILE_MODES[field.kind], nullable=True)
        path.choose_btn.text = "…"
        path.choose_btn.native.setMaximumWidth(32)
        return path
    return LineEdit()


class _WheelPasses(QObject):
    """Lets the wheel scroll the form, where it would change a value that nobody has clicked."""

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        """Keep the wheel from what has no focus."""
        if event.type() == QEvent.Type.Wheel and isinstance(watched, QWidget) and not watched.hasFocus():
            event.ignore()
            return True
        return False


class OptionRow(QWidget):
    """One option: its widget, and below it why its value can't be taken."""

    def __init__(self, values: OptionValues, field: OptionField, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.values, self.field = values, field
        self.asked = widget_for(field)
        native: QWidget = self.asked.native
        native.setObjectName(field.name)
        for each in (native, *native.findChildren(QWidget)):
            each.setToolTip(field.tip)
        self._wheel = _WheelPasses(self)
        if isinstance(self.asked, ComboBox | SpinBox):
            native.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
            native.installEventFilter(self._wheel)
        line = self._line()
        if line is not None:
            line.setPlaceholderText(field.default or ("" if field.required else "not given"))
        self.refusal = QLabel()
        self.refusal.setWordWrap(True)
        self.refusal.setStyleSheet("color: #e8743b")
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(1)
        box.addWidget(native)
        box.addWidget(self.refusal)
        self.show_value()
        self.show_refusal()
        self.asked.changed.connect(self._take)

    def _line(self) -> QLineEdit | None:
        if isinstance(self.asked, LineEdit | FileEdit):
            line: QLineEdit = (self.asked if isinstance(self.asked, LineEdit) else self.asked.line_edit).native
            return line
        return None

    def text(self) -> str:
        """Return what is in the widget, as on the command line."""
        if isinstance(self.asked, CheckBox):
            return ON if self.asked.value else OFF
        if isinstance(self.asked, FileEdit):
            return str(self.asked.line_edit.value)
        value = str(self.asked.value)
        return "" if value == UNSET else value

    def show_value(self) -> None:
        """Show the value that the option has."""
        text = self.values[self.field.name]
        if self.text().strip() == text:
            return
        with self.asked.changed.blocked():
            if isinstance(self.asked, CheckBox):
                self.asked.value = text == ON
            elif isinstance(self.asked, FileEdit):
                self.asked.line_edit.value = text
            elif isinstance(self.asked, ComboBox):
                self.asked.value = text if text in self.asked.choices else self.asked.choices[0]
            elif isinstance(self.asked, SpinBox):
                low, high = int(self.asked.min), int(self.asked.max)
                self.asked.value = min(max(int(text) if text.isdecimal() else low, low), high)
            else:
                self.asked.value = text

    def show_refusal(self) -> None:
        """Show why the value can't be taken."""
        why = self.values.refused.get(self.field.name, "")
        self.refusal.setText(why.partition("; see `")[0])
        self.refusal.setVisible(bool(why))

    def _take(self) -> None:
        self.values.set(self.field.name, self.text())


class Section(QWidget):
    """A heading that shows and hides what is below it; that is made when it is shown first."""

    def __init__(self, title: str, make: Callable[[], QWidget], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._make = make
        self.content: QWidget | None = None
        self.button = QToolButton()
        self.button.setAutoRaise(True)
        self.button.setCheckable(True)
        self.button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.button.setArrowType(Qt.ArrowType.RightArrow)
        self.button.toggled.connect(self._toggle)
        self.set_title(title)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.addWidget(self.button)

    def set_title(self, title: str) -> None:
        """Show another heading."""
        self.button.setText(title)

    def open(self) -> None:
        """Show what is below the heading."""
        self.button.setChecked(True)

    def _toggle(self, shown: bool) -> None:
        self.button.setArrowType(Qt.ArrowType.DownArrow if shown else Qt.ArrowType.RightArrow)
        if shown and self.content is None:
            self.content = self._make()
            box = self.layout()
            assert box is not None
            box.addWidget(self.content)
        if self.content is not None:
            self.content.setVisible(shown)


class OptionForm(QWidget):
    """The options of a command: the common ones in sight, the others below their headings, apart from hidden ones."""

    def __init__(
        self, values: OptionValues, common: Sequence[str], parent: QWidget | None = None, *, hidden: Sequence[str] = ()
    ) -> None:
        super().__init__(parent)
        self.setObjectName("options")
        self.values = values
        self.rows: dict[str, OptionRow] = {}
        self.sections: dict[str, Section] = {}
        self._names: dict[str, list[str]] = {}
        for name, field in values.fields.items():
            if name not in (*common, *hidden):
                self._names.setdefault(field.heading, []).append(name)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.addWidget(self._of([name for name in common if name in values.fields]))
        self.more = Section("More", self._make_more)
        box.addWidget(self.more)
        follow_at_once(self, values.changed, self._show_values)
        follow_at_once(self, values.refused_changed, self._show_refused)
        self._entitle()

    def _make_more(self) -> QWidget:
        part = QWidget()
        box = QVBoxLayout(part)
        box.setContentsMargins(12, 0, 0, 0)
        for heading, names in self._names.items():
            self.sections[heading] = Section(heading, _OfNames(self, names))
            box.addWidget(self.sections[heading])
        self._entitle()
        return part

    def _of(self, names: Sequence[str]) -> QWidget:
        part = QWidget()
        form = QFormLayout(part)
        form.setContentsMargins(0, 0, 0, 0)
        form.setVerticalSpacing(4)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        for name in names:
            field = self.values.fields[name]
            self.rows[name] = OptionRow(self.values, field)
            label = QLabel(field.label)
            label.setToolTip(field.tip)
            form.addRow(label, self.rows[name])
        return part

    def _show_values(self) -> None:
        for row in self.rows.values():
            row.show_value()
        self._entitle()

    def _show_refused(self) -> None:
        for heading, names in self._names.items():
            if any(name in self.values.refused for name in names):
                self.more.open()
                self.sections[heading].open()
        for row in self.rows.values():
            row.show_refusal()

    def _entitle(self) -> None:
        """Say below which headings something was set."""
        given = self.values.given()
        counts = {heading: sum(name in given for name in names) for heading, names in self._names.items()}
        self.more.set_title(_counted("More", sum(counts.values())))
        for heading, section in self.sections.items():
            section.set_title(_counted(heading, counts[heading]))


class _OfNames:
    """Makes the rows of some options, later."""

    def __init__(self, form: OptionForm, names: list[str]) -> None:
        self._form, self._names = form, names

    def __call__(self) -> QWidget:
        return self._form._of(self._names)


def _counted(title: str, count: int) -> str:
    return f"{title} ({count} set)" if count else title
