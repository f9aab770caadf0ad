"""Photographs: what is read comes out upright, in RGB and in scale, what is no picture is refused, and faces are where they are."""

import re
import struct
import zlib

import numpy as np
import pytest
from data_checks import the_line
from PIL import Image

from course_utils.datasets import photographs
from course_utils.runtime import DataError


@pytest.fixture(scope="module")
def astronaut():
    return photographs.astronaut()


@pytest.fixture
def ramp():
    """Dark at the left, light at the right, a red corner at the upper left: turned or mirrored it is another picture."""
    picture = np.repeat(np.linspace(0, 255, 60).astype(np.uint8)[None, :, None], 40, axis=0).repeat(3, axis=2)
    picture[:10, :10] = (255, 0, 0)
    return picture


def saved(path, picture, **options):
    Image.fromarray(picture).save(path, **options)
    return path


# ------------------------------------------------------------------------------------------------------ reading


def test_a_png_comes_back_pixel_for_pixel(tmp_path, ramp):
    found = photographs.read(saved(tmp_path / "a.png", ramp))
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, ramp)


def test_an_image_held_sideways_is_turned_upright(tmp_path, ramp):
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned a quarter: shown upright after turning clockwise
    path = saved(tmp_path / "held.png", np.rot90(ramp).copy(), exif=exif)
    assert Image.open(path).size == (40, 60)
    np.testing.assert_array_equal(photographs.read(path), ramp)


def test_grey_of_16_bits_keeps_its_order_and_its_range(tmp_path):
    values = np.tile(np.linspace(0, 65535, 64).astype(np.uint16), (32, 1))
    for name in ("grey.png", "grey.tif"):
        found = photographs.read(saved(tmp_path / name, values))
        assert found.shape == (32, 64, 3) and (found[..., 0] == found[..., 2]).all()
        line = found[0, :, 0].astype(int)
        assert line[0] == 0 and line[-1] == 255 and (np.diff(line) > 0).all()
        np.testing.assert_array_equal(line, np.round(values[0] / 257))


@pytest.mark.parametrize("top", [1.0, 255.0])
def test_floats_are_read_on_either_scale(tmp_path, top):
    values = np.tile(np.linspace(0, top, 64, dtype=np.float32), (32, 1))
    line = photographs.read(saved(tmp_path / "float.tif", values))[0, :, 0]
    np.testing.assert_array_equal(line, np.round(values[0] * (255 / top)))


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [(-1.0, 1.0, "from -1 to 1, expected 0 to 1 or 0 to 255"), (0.0, np.nan, "found values from nan")],
)
def test_floats_without_a_scale_are_refused(tmp_path, low, high, said):
    values = np.full((32, 32), low, np.float32)
    values[0, 0] = high
    with pytest.raises(DataError, match=said):
        photographs.read(saved(tmp_path / "float.tif", values))


def test_whole_numbers_of_32_bits_are_taken_for_16_or_refused(tmp_path):
    values = np.tile(np.linspace(0, 65535, 64).astype(np.int32), (32, 1))
    assert photographs.read(saved(tmp_path / "ok.tif", values))[0, -1, 0] == 255
    with pytest.raises(DataError, match="expected 0 to 65535"):
        photographs.read(saved(tmp_path / "wide.tif", values * 2))


def test_cmyk_is_close_to_rgb(tmp_path, astronaut):
    small = np.asarray(Image.fromarray(astronaut).resize((128, 128)))
    path = tmp_path / "print.jpg"
    Image.fromarray(small).convert("CMYK").save(path, quality=95)
    assert Image.open(path).mode == "CMYK"
    assert np.abs(photographs.read(path).astype(int) - small).mean() < 6  # levels; inverted it would be some 100


def test_palettes_and_grey_become_rgb(tmp_path, ramp):
    flat = ramp // 64 * 64
    path = tmp_path / "few.gif"
    Image.fromarray(flat).quantize(16).save(path)
    assert Image.open(path).mode == "P"
    np.testing.assert_array_equal(photographs.read(path), flat)
    grey = photographs.read(saved(tmp_path / "grey.png", ramp[..., 1]))
    np.testing.assert_array_equal(grey, ramp[..., [1, 1, 1]])


def test_what_is_transparent_becomes_white(tmp_path):
    picture = np.zeros((30, 30, 4), np.uint8)
    picture[:15, :, 3], picture[15:, :, 3] = 255, 0
    picture[15:, :, 0] = 200
    found = photographs.read(saved(tmp_path / "cut out.png", picture))
    assert (found[:15] == 0).all() and (found[15:] == 255).all()
    half = np.dstack([np.zeros((30, 30), np.uint8), np.full((30, 30), 128, np.uint8)])
    assert abs(int(photographs.read(saved(tmp_path / "grey.png", half))[0, 0, 0]) - 127) <= 1


def test_a_palette_with_a_transparent_colour_becomes_white_there(tmp_path):
    path = tmp_path / "p.png"
    picture = Image.fromarray(np.tile(np.arange(2, dtype=np.uint8), (30, 15)), mode="P")
    picture.putpalette([0, 0, 0, 10, 20, 30])
    picture.save(path, transparency=0)
    assert photographs.read(path)[0, :2].tolist() == [[255, 255, 255], [10, 20, 30]]


def test_several_frames_have_to_be_chosen_from(tmp_path):
    path = tmp_path / "wave.gif"
    frames = [Image.new("L", (30, 30), level) for level in (0, 120, 240)]
    frames[0].save(path, save_all=True, append_images=frames[1:])
    with pytest.raises(DataError, match=r"wave\.gif: found 3 frames.*frame=0 to 2"):
        photographs.read(path)
    assert [int(photographs.read(path, frame=n)[0, 0, 0]) for n in range(3)] == [0, 120, 240]
    for frame in (3, -1):
        with pytest.raises(DataError, match="found 3, numbered from 0"):
            photographs.read(path, frame=frame)


def test_a_phones_second_picture_is_passed_over(tmp_path, ramp):
    path = tmp_path / "phone.mpo"
    Image.fromarray(ramp).save(path, save_all=True, append_images=[Image.new("RGB", (60, 40))], quality=95)
    assert Image.open(path).n_frames == 2
    assert np.abs(photographs.read(path).astype(int) - ramp).mean() < 8


def bomb(path, side):
    """A PNG of a few bytes that says it has side × side pixels."""
    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(b"\0" * 100)), (b"IEND", b"")]
    body = b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    )
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + body)
    return path


def bad_file(tmp_path, kind, picture):
    path = tmp_path / f"{kind}.png"
    if kind == "folder":
        path.mkdir()
    elif kind == "empty":
        path.touch()
    elif kind == "text":
        path.write_text("emotion,pixels,Usage\n", encoding="utf-8")
    elif kind == "cut off":
        whole = saved(tmp_path / "whole.png", np.random.default_rng(0).integers(0, 256, (60, 60, 3), np.uint8))
        path.write_bytes(whole.read_bytes()[:3000])
    elif kind == "cut off JPEG":
        path = tmp_path / "cut off JPEG.jpg"
        whole = saved(tmp_path / "whole.jpg", picture.repeat(10, axis=0).repeat(10, axis=1)).read_bytes()
        path.write_bytes(whole[: len(whole) // 2])
    elif kind == "one pixel":
        saved(path, picture[:1, :1])
    elif kind == "narrow":
        saved(path, picture[:, :23])
    elif kind == "bomb":
        bomb(path, 12_000)
    elif kind == "larger bomb":
        bomb(path, 60_000)
    return path


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("missing", r"no such file; expected a photograph \(JPEG"),
        ("folder", "found a folder, expected a photograph"),
        ("empty", "empty file; expected a photograph"),
        ("text", "is no picture, it begins with b'emotion,'; expected a photograph"),
        ("cut off", r"cut off or damaged \(.+\); expected a photograph"),
        ("cut off JPEG", r"cut off or damaged \(.*truncated.*\); expected a photograph"),
        ("one pixel", "found 1×1 pixels, expected at least 24"),
        ("narrow", "found 23×40 pixels, expected at least 24"),
        ("bomb", "found 12000×12000 pixels, expected at most 100,000,000"),
        ("larger bomb", "expected at most 100,000,000 pixels"),
    ],
)
def test_what_is_no_photograph_is_refused_by_name(tmp_path, ramp, kind, said):
    path = bad_file(tmp_path, kind, ramp)
    text = the_line(photographs.read, path)
    assert text.startswith(f"{path}: ") and re.search(said, text)


def test_the_smallest_picture_is_read(tmp_path, ramp):
    assert photographs.read(saved(tmp_path / "small.png", ramp[:24, :24])).shape == (24, 24, 3)


def test_bundled_photographs_are_those_of_scikit_image(astronaut):
    from skimage import data

    np.testing.assert_array_equal(astronaut, data.astronaut())
    shapes = {name: photographs.bundled(name).shape for name in photographs.BUNDLED}
    assert shapes["astronaut"] == (512, 512, 3) and shapes["chelsea"] == (300, 451, 3)
    with pytest.raises(DataError, match="did you mean 'chelsea'"):
        photographs.bundled("chelsee")


# ------------------------------------------------------------------------------------------------ where the face is


def holds(box, x, y):
    return box[0] < x < box[0] + box[2] and box[1] < y < box[1] + box[3]


def test_the_astronauts_face_is_found_where_it_is(astronaut):
    boxes = photographs.find_faces(astronaut)
    assert boxes.shape == (1, 4) and boxes.dtype == np.int64
    assert holds(boxes[0], 208, 105) and holds(boxes[0], 248, 105)  # her eyes
    assert 80 <= boxes[0, 2] == boxes[0, 3] <= 130
    np.testing.assert_array_equal(photographs.the_face(astronaut), boxes[0])


def test_the_same_picture_gives_the_same_boxes(astronaut):
    for _ in range(3):
        np.testing.assert_array_equal(photographs.find_faces(astronaut), photographs.find_faces(astronaut))


def test_grey_and_large_pictures_give_about_the_same_face(astronaut):
    ((x, y, side, _),) = photographs.find_faces(astronaut)
    grey = np.asarray(Image.fromarray(astronaut).convert("L"))
    large = np.asarray(Image.fromarray(astronaut).resize((3000, 3000)))
    for image, zoom in ((grey, 1), (grey[..., None], 1), (large, 3000 / 512)):
        (found,) = photographs.find_faces(image)
        np.testing.assert_allclose(found[:3] / zoom, (x, y, side), atol=12)


def test_a_picture_without_a_face_says_so():
    noise = np.random.default_rng(0).integers(0, 256, (300, 200, 3), np.uint8)
    for image in (np.full((200, 200, 3), 128, np.uint8), noise, photographs.bundled("chelsea")):
        assert photographs.find_faces(image).shape == (0, 4)
        with pytest.raises(DataError, match=f"found no face in a picture of {image.shape[1]}×{image.shape[0]}"):
            photographs.the_face(image)
    with pytest.raises(DataError, match="found no face"):
        photographs.the_face(np.full((200, 200, 3), 128, np.uint8), which=0)


def test_of_several_faces_one_has_to_be_chosen(astronaut):
    half = np.asarray(Image.fromarray(astronaut).resize((320, 320)))
    both = np.concatenate([np.pad(half, ((0, 192), (0, 0), (0, 0)), mode="edge"), astronaut], axis=1)
    boxes = photographs.find_faces(both)
    assert len(boxes) == 2 and boxes[0, 2] > boxes[1, 2]
    assert holds(boxes[0], 320 + 228, 110) and holds(boxes[1], 228 * 320 / 512, 110 * 320 / 512)
    with pytest.raises(DataError, match=r"found 2 faces, expected one: \d+×\d+ at \(\d+, \d+\).*which=0"):
        photographs.the_face(both)
    np.testing.assert_array_equal(photographs.the_face(both, which=1), boxes[1])
    with pytest.raises(DataError, match=r"which=2 asked for, found 2"):
        photographs.the_face(both, which=2)


def test_sizes_are_shares_of_the_shorter_side(astronaut):
    assert len(photographs.find_faces(astronaut, smallest=0.4)) == 0
    assert len(photographs.find_faces(astronaut, largest=0.13)) == 0
    assert len(photographs.find_faces(astronaut, largest=0.3)) == 1
    with pytest.raises(ValueError, match="smallest ≤ largest"):
        photographs.find_faces(astronaut, smallest=0.5, largest=0.4)


def test_more_support_asked_for_finds_less(astronaut):
    numbers = [len(photographs.find_faces(astronaut, support=support)) for support in (1, 7, 100)]
    assert numbers[0] > numbers[1] == 1 and numbers[2] == 0


def test_a_picture_smaller_than_the_detectors_window_has_no_face():
    assert photographs.find_faces(np.zeros((20, 60, 3), np.uint8)).shape == (0, 4)


# ------------------------------------------------------------------------------------------------------- cropping


def test_the_documented_crop_is_the_middle():
    tall = np.arange(100, dtype=np.uint8)[:, None].repeat(40, axis=1)
    np.testing.assert_array_equal(photographs.centre_square(tall), tall[30:70])
    np.testing.assert_array_equal(photographs.centre_square(tall.T), tall.T[:, 30:70])
    assert photographs.centre_square(np.zeros((41, 100, 3), np.uint8)).shape == (41, 41, 3)


def test_a_crop_is_the_square_about_the_box(ramp):
    np.testing.assert_array_equal(photographs.crop(ramp, (20, 10, 12, 12)), ramp[10:22, 20:32])
    np.testing.assert_array_equal(photographs.crop(ramp, (20, 10, 12, 12), margin=0.5), ramp[4:28, 14:38])
    np.testing.assert_array_equal(photographs.crop(ramp, (20, 10, 12, 12), margin=-0.25), ramp[13:19, 23:29])
    assert photographs.crop(ramp, (20, 10, 6, 20)).shape == (20, 20, 3)


@pytest.mark.parametrize("box", [(0, 0, 20, 20), (50, 0, 20, 20), (-10, 25, 20, 20), (50, 30, 15, 15)])
def test_a_crop_over_the_border_repeats_the_edge(ramp, box):
    found = photographs.crop(ramp, box, margin=0.4)
    reach = 60
    padded = np.pad(ramp, ((reach, reach), (reach, reach), (0, 0)), mode="edge")
    side = len(found)
    left, top = (round(box[i] + box[2] / 2 - side / 2) + reach for i in (0, 1))
    assert side == round(box[2] * 1.8)
    np.testing.assert_array_equal(found, padded[top : top + side, left : left + side])


@pytest.mark.parametrize(
    ("box", "margin", "said"),
    [
        ((0, 0, 0, 10), 0, "width and height above 0"),
        ((0, 0, 10), 0, "expected .x, y, width, height."),
        ((0, 0, np.nan, 10), 0, "expected .x, y, width, height."),
        ((60, 0, 10, 10), 0, "outside the picture of 60×40"),
        ((0, -10, 10, 10), 0, "outside the picture"),
        ((0, 0, 10, 10), -0.5, "leaves nothing"),
    ],
)
def test_boxes_that_make_no_sense_are_refused(ramp, box, margin, said):
    with pytest.raises(ValueError, match=said):
        photographs.crop(ramp, box, margin=margin)


def test_as_fer_is_grey_48_and_averages(astronaut):
    found = photographs.as_fer(astronaut)
    assert found.shape == (48, 48, 1) and found.dtype == np.uint8
    luma = astronaut @ np.array([0.299, 0.587, 0.114])
    assert abs(found.mean() - luma.mean()) < 1
    stripes = np.zeros((480, 480), np.uint8)
    stripes[:, ::2] = 255
    assert (
        np.abs(photographs.as_fer(stripes)[4:-4, 4:-4].astype(int) - 128).max() <= 3
    )  # a picked pixel would be 0 or 255
    assert photographs.as_fer(stripes[:30, :24, None]).shape == (48, 48, 1)


@pytest.mark.parametrize(
    "image",
    [np.zeros((30, 30, 3)), np.zeros((30, 30, 4), np.uint8), np.zeros((30,), np.uint8), np.zeros((0, 9), np.uint8)],
)
def test_arrays_that_are_no_pictures_are_refused(image):
    for function in (photographs.as_fer, photographs.centre_square, photographs.find_faces):
        with pytest.raises(ValueError, match="expected uint8"):
            function(image)
