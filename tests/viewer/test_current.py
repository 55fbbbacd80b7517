"""Each napari window has one session."""

import gc
import weakref
from collections.abc import Callable
from typing import Any

from napari.components import ViewerModel
from napari.utils._proxies import PublicOnlyProxy

from napari_tomodrgn.viewer.current import session_of


def test_every_proxy_of_a_viewer_has_its_session(make_napari_viewer_proxy: Callable[..., Any]) -> None:
    proxy = make_napari_viewer_proxy()
    session = session_of(proxy)
    gc.collect()
    assert session_of(PublicOnlyProxy(proxy.__wrapped__)) is session
    assert session_of(proxy.__wrapped__) is session


def test_viewers_that_are_equal_have_sessions_of_their_own_that_go_with_them() -> None:
    one, other = ViewerModel(), ViewerModel()
    assert session_of(one) is not session_of(other)
    gone = weakref.ref(session_of(one))
    del one
    gc.collect()
    assert gone() is None
