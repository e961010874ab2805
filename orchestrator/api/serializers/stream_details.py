"""What is in a stream, in wire types. The reasons are those that a recording would give."""

from __future__ import annotations

from orchestrator.api.errors import body_of
from orchestrator.api.manager_protocol import NamedStreams
from orchestrator.api.schemas.streams import Layer, StreamDetails, Track
from orchestrator.api.stream_list import summary_of
from orchestrator.discovery.stream_kinds import address_of
from orchestrator.media import TITLES, TrackKind
from orchestrator.server.streams.details import PublishedTrack
from orchestrator.server.streams.details import StreamDetails as Details
from orchestrator.settings import Settings
from orchestrator.worker.tracks.obstacles import obstacle_of, selection_of, start_obstacle
from orchestrator.worker.tracks.selection import TrackSelection
from orchestrator.worker.tracks.selection_policy import SelectionPolicy, codec_received


def details(named: NamedStreams, settings: Settings, found: Details) -> StreamDetails:
    """The stream, its tracks, and the verdict on both."""
    stream = found.stream
    defined = named.definition(stream.id)
    reason, tracks, recordable = found.absence, None, None
    if found.published is not None:
        policy = SelectionPolicy(settings.video_track_preference, host=stream.creator)
        publications = [each.publication for each in found.published]
        selection = selection_of(publications, policy, settings.max_frame_pixels)
        listed_by = TITLES.get(stream.discovery, stream.discovery)
        reason = start_obstacle(selection, listed_by)
        recordable = reason is None
        tracks = [_track(each, selection, settings.max_frame_pixels) for each in found.published]
    elif reason is not None:
        recordable = False
    return StreamDetails(
        **summary_of(named, stream),
        address=None if defined is None else address_of(defined),
        recordable=recordable,
        reason=None if reason is None else body_of(reason),
        published=tracks,
        unknown=found.unknown or None,
    )


def _track(published: PublishedTrack, selection: TrackSelection, most_pixels: int) -> Track:
    publication = published.publication
    obstacle = obstacle_of(publication, most_pixels)
    return Track(
        sid=publication.sid,
        participant=publication.participant,
        source=publication.source.value,
        kind="video" if publication.kind is TrackKind.VIDEO else "audio",
        codec=codec_received(publication).upper() or None,
        mime_types=list(published.mime_types),
        width=publication.width or None,
        height=publication.height or None,
        muted=publication.muted,
        encrypted=publication.encrypted,
        simulcast=published.simulcast,
        layers=[
            Layer(width=each.width, height=each.height, bitrate_bps=each.bitrate_bps or None)
            for each in published.layers
        ],
        recordable=obstacle is None,
        reason=None if obstacle is None else body_of(obstacle),
        selected=publication.sid in selection.wanted and obstacle is None,
    )
