"""CK+ as people have laid it out: flat folders, files of the system, stubs, stills in its place."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sklearn_emoxai.datasets import load_ck_plus

TEXT = {
    "Landmarks": "1.0 2.0\n" * 68,
    "Emotion": "   3.0000000e+00\n",
    "FACS": "   4.0000000e+00   2.0000000e+00\n",
}
STUB = "version https://git-lfs.github.com/spec/v1\noid sha256:0123\nsize 12\n"


def lay_out(root, layout=None, *, apple=()):
    """Two sequences of three frames; `layout` maps a part onto the folder of its files, such as "FACS/{subject}"."""
    layout = layout or {}
    for subject, sequence in (("S005", "001"), ("S010", "002")):
        stems = [f"{subject}_{sequence}_{i:08d}" for i in (1, 2, 3)]
        names = {
            "cohn-kanade-images": [f"{stem}.png" for stem in stems],
            "Landmarks": [f"{stem}_landmarks.txt" for stem in stems],
            "Emotion": [f"{stems[-1]}_emotion.txt"],
            "FACS": [f"{stems[-1]}_facs.txt"],
        }
        for part in names:
            where = layout.get(part, part + "/{subject}/{sequence}").format(
                subject=subject, sequence=sequence
            )
            (root / where).mkdir(parents=True, exist_ok=True)
            for name in names[part]:
                if part in TEXT:
                    (root / where / name).write_text(TEXT[part])
                else:
                    Image.new("L", (64, 49)).save(root / where / name)
                if part in apple:
                    (root / where / f"._{name}").write_bytes(b"\0\5\x16\7" + bytes(60))
    return root


FLAT = [
    "Emotion",
    "FACS",
    "Landmarks",
    "Emotion_labels/Emotion",
    "Emotion_labels",
    "FACS_labels",
    "Landmarks/Landmarks",
]


@pytest.mark.parametrize("below", ["", "/{subject}"], ids=["all in one folder", "a folder a subject"])
@pytest.mark.parametrize("place", FLAT)
@pytest.mark.parametrize("landmarks", ["mesh", "ck68"])
def test_labels_landmarks_and_codes_may_lie_flat(landmarks, place, below, tmp_path):
    part = place.split("/")[0].removesuffix("_labels")
    ck = load_ck_plus(
        lay_out(tmp_path, {part: place + below}), landmarks=landmarks, unlabelled=True, n_frames=2
    )
    assert ck.target.tolist() == ["disgust", "disgust"]
    assert ck.groups.tolist() == ["S005", "S010"]
    assert ck.action_units == [{4: 2.0}, {4: 2.0}]
    assert ck.frame["n_frames"].tolist() == [3, 3]
    if landmarks == "ck68":
        np.testing.assert_array_equal(ck.data[:, :, :, 0], np.tile([1, 2], (2, 2, 1)))


@pytest.mark.parametrize("below", ["", "/{subject}"])
def test_flat_images_are_named_with_what_to_do(below, tmp_path):
    lay_out(tmp_path, {"cohn-kanade-images": "cohn-kanade-images" + below})
    with pytest.raises(
        FileNotFoundError, match=r"cohn-kanade-images.S005.001; .*00000001.png and 5 more .*: move each"
    ):
        load_ck_plus(tmp_path)
    assert len(load_ck_plus(tmp_path, landmarks="ck68").data) == 2


def test_images_beside_the_folders_are_counted(tmp_path):
    lay_out(tmp_path)
    Image.new("L", (64, 49)).save(tmp_path / "cohn-kanade-images/S011_001_00000001.png")
    with pytest.warns(
        UserWarning, match="1 entries that can't be used left out, 2 loaded; .*S011_001_00000001.png"
    ):
        assert len(load_ck_plus(tmp_path).paths) == 2


@pytest.mark.parametrize("part", ["cohn-kanade-images", "Emotion", "FACS", "Landmarks"])
@pytest.mark.parametrize("flat", [False, True])
@pytest.mark.parametrize("landmarks", ["mesh", "ck68"])
def test_files_of_macos_are_as_if_they_were_not_there(landmarks, flat, part, tmp_path):
    lay_out(tmp_path, {part: part} if flat and part in TEXT else {}, apple=[part])
    for folder in ("", "cohn-kanade-images/", "Emotion/", "cohn-kanade-images/S005/"):
        (tmp_path / f"{folder}.DS_Store").write_bytes(b"\0\0\0\1Bud1")
        (tmp_path / f"{folder}Thumbs.db").write_bytes(b"\xd0\xcf")
    ck = load_ck_plus(tmp_path, landmarks=landmarks)
    assert ck.target.tolist() == ["disgust", "disgust"]
    assert ck.frame["n_frames"].tolist() == [3, 3]
    assert len(ck.skipped) == 0


@pytest.mark.parametrize("unlabelled", [False, True])
def test_labels_of_none_of_the_sequences_are_missed_where_they_were_looked_for(unlabelled, tmp_path):
    lay_out(tmp_path, {"Emotion": "Emotion"})
    for file in (tmp_path / "Emotion").iterdir():
        file.rename(file.with_name(file.name.replace("S0", "S9")))
    with pytest.raises(
        ValueError, match=r"looked for were .*Emotion/S005/001/\*_emotion.txt and .*Emotion/S005_001_"
    ):
        load_ck_plus(tmp_path, unlabelled=unlabelled)


@pytest.mark.parametrize(("text", "reason"), [("", r"it is empty \(0 bytes\)"), (STUB, "`git lfs pull`")])
@pytest.mark.parametrize(
    "name",
    ["cohn-kanade-images/S005/001/S005_001_00000002.png", "Emotion/S005/001/S005_001_00000003_emotion.txt"],
)
def test_empty_files_and_stubs_are_called_so(name, text, reason, tmp_path):
    lay_out(tmp_path)
    (tmp_path / name).write_text(text)
    with pytest.raises(ValueError, match=rf"{Path(name).name}: expected .*; {reason}"):
        load_ck_plus(tmp_path)
    with pytest.warns(UserWarning, match="1 entries with a fault left out, 1 loaded"):
        assert load_ck_plus(tmp_path, on_error="skip").groups.tolist() == ["S010"]


def test_class_folders_of_stills_are_called_single_images(tmp_path):
    (tmp_path / "anger").mkdir()
    Image.new("L", (48, 48)).save(tmp_path / "anger/S010_004_00000015.png")
    with pytest.raises(
        FileNotFoundError, match=r"cohn-kanade-images/S….* anger holds single images, as CK\+48 does"
    ):
        load_ck_plus(tmp_path)


@pytest.mark.skipif(os.name == "nt", reason="Windows makes links for administrators only")
def test_links_between_the_folders_end(tmp_path):
    lay_out(tmp_path)
    (tmp_path / "Emotion/S005/loop").symlink_to(tmp_path / "Emotion")
    (tmp_path / "cohn-kanade-images/S999").symlink_to(tmp_path / "cohn-kanade-images")
    assert load_ck_plus(tmp_path).groups.tolist() == ["S005", "S010"]
