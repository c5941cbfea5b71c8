"""What a report states of a model that it was measured with."""

from pathlib import Path

from facedet.common.report_facts import ReportedModel, digests
from facedet.inference.session import Session


def reported_model(session: Session, threshold: float | None = None, path: Path | None = None) -> ReportedModel:
    """The facts of a session's model. threshold: the score above which a detection counts, if one does. path: of the
    file that the session's file was made from, if that is temporary."""
    path, runtime = path or session.path, session.runtime
    hardware = f"{runtime.device} ({runtime.name})"
    return ReportedModel(str(path), digests(path), session.made, threshold, hardware, runtime.precision)
