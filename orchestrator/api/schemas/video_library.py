"""Wire types of /api/videos: final files as the desktop app's library shows them.

The field names are the app's; fields that this recorder has no value for are null or empty.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from orchestrator.api.schemas.common import MINT_ID, OUTPUT_PATH, Moment, Wire, example, example_of


class Filecoin(Wire):
    """Where the app has uploaded a file to; stored and returned as it was sent."""

    root_cid: str = Field(min_length=1, max_length=256)
    piece_cid: str = Field(max_length=256)
    piece_id: int | None = None
    data_set_id: str = Field(max_length=256)
    transaction_hash: str | None = Field(None, max_length=256)
    is_encrypted: bool = False
    lit_encryption_metadata: str | None = Field(None, max_length=32_768)
    encrypted_root_cid: str | None = Field(None, max_length=32_768)
    cid_encryption_metadata: str | None = Field(None, max_length=32_768)

    model_config = example(
        {"root_cid": "bafyroot", "piece_cid": "bagapiece", "piece_id": 3, "data_set_id": "7"}
    )


class AddVideoBody(Wire):
    """A file that the library should show again."""

    path: str = Field(min_length=1, max_length=4096)
    """Path of a recording's final file; other files can't be added."""

    model_config = example({"path": OUTPUT_PATH})


class VideoInfo(Wire):
    """A final file."""

    id: int
    """Derived from the path, which is how the app identifies a video elsewhere."""
    path: str
    title: str
    duration: int
    """In whole seconds; 0 if unknown, because the app has no value for that."""
    has_ai_data: Literal[False] = False
    thumbnail_path: str | None
    """Address of its thumbnail; null if there is none."""
    position: int
    """The highest is shown first; of equal ones, the newest."""
    created_at: Moment
    """When it became final."""
    updated_at: Moment | None = None
    phash: None = None
    file_size: int
    file_extension: str
    mime_type: str
    codec: str | None
    """The video codec."""
    creator_handle: str | None
    """Who streamed it."""
    source_uri: None = None
    analysis_model: None = None
    share_to_arkiv: Literal[False] = False
    arkiv_entity_key: None = None
    mint_id: str
    filecoin_root_cid: str | None = None
    filecoin_piece_cid: str | None = None
    filecoin_piece_id: int | None = None
    filecoin_data_set_id: str | None = None
    filecoin_uploaded_at: str | None = None
    cid_hash: str | None = None
    """SHA-256 of `filecoin_root_cid`."""
    is_encrypted: bool = False
    lit_encryption_metadata: str | None = None

    model_config = example(
        {
            "id": 158329674399744,
            "path": OUTPUT_PATH,
            "title": "Example Coin, 2024-12-01 14:30",
            "duration": 120,
            "has_ai_data": False,
            "thumbnail_path": None,
            "position": 0,
            "created_at": "2024-12-01T14:32:22.731+00:00",
            "updated_at": None,
            "phash": None,
            "file_size": 15728640,
            "file_extension": "av1",
            "mime_type": "video/mp4",
            "codec": "av1",
            "creator_handle": None,
            "source_uri": None,
            "analysis_model": None,
            "share_to_arkiv": False,
            "arkiv_entity_key": None,
            "mint_id": MINT_ID,
            "filecoin_root_cid": None,
            "filecoin_piece_cid": None,
            "filecoin_piece_id": None,
            "filecoin_data_set_id": None,
            "filecoin_uploaded_at": None,
            "cid_hash": None,
            "is_encrypted": False,
            "lit_encryption_metadata": None,
        }
    )


class TokenInfo(Wire):
    """The coin or other stream that the videos were recorded from."""

    mint_id: str
    name: str | None
    symbol: str | None
    image_uri: str | None
    thumbnail: str | None

    model_config = example(
        {
            "mint_id": MINT_ID,
            "name": "Example Coin",
            "symbol": "EXC",
            "image_uri": "https://example.org/coin.png",
            "thumbnail": "https://example.org/thumb.jpg",
        }
    )


class VideoGroup(Wire):
    """All videos of one stream."""

    token_info: TokenInfo
    videos: list[VideoInfo]
    recording_count: int
    latest_recording_date: Moment

    model_config = example(
        {
            "token_info": example_of(TokenInfo),
            "videos": [example_of(VideoInfo)],
            "recording_count": 1,
            "latest_recording_date": "2024-12-01T14:32:22.731+00:00",
        }
    )


class Timestamp(Wire):
    """What an analysis found at one position in a file."""

    id: int
    video_path: str
    tag_name: str
    start_time: float
    end_time: float | None
    confidence: float

    model_config = example(
        {
            "id": 1,
            "video_path": OUTPUT_PATH,
            "tag_name": "chart",
            "start_time": 12.5,
            "end_time": 14.0,
            "confidence": 0.9,
        }
    )


class VideoMessage(Wire):
    """Confirms that it was done."""

    success: Literal[True] = True
    message: str

    model_config = example({"success": True, "message": "Video deleted successfully"})
