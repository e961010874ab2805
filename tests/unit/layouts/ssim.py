"""How alike two images are: SSIM (Wang et al. 2004) of luma, in windows of 8x8 pixels."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

WINDOW = 8


def ssim_map(a: npt.NDArray[np.uint8], b: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    """The SSIM of each window of two RGB images of one size."""
    x, y = _windows(a), _windows(b)
    mean_x, mean_y = x.mean(axis=-1), y.mean(axis=-1)
    both = ((x - mean_x[..., None]) * (y - mean_y[..., None])).mean(axis=-1)
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    light = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
    found: npt.NDArray[np.float64] = (
        light * (2 * both + c2) / (x.var(axis=-1) + y.var(axis=-1) + c2)
    )
    return found


def _windows(image: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    luma = image[..., :3].astype(np.float64) @ np.array([0.299, 0.587, 0.114])
    rows, columns = luma.shape[0] // WINDOW, luma.shape[1] // WINDOW
    cut = luma[: rows * WINDOW, : columns * WINDOW]
    found: npt.NDArray[np.float64] = cut.reshape(rows, WINDOW, columns, WINDOW).swapaxes(1, 2)
    return found.reshape(rows, columns, WINDOW * WINDOW)
