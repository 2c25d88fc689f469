"""Names of the scene classes and of the pixel labels. Their order is the order of the model's ids."""

SCENES = (
    "beach", "desert", "farm", "forest", "harbour", "highway", "island", "meadow",
    "mountain lake", "mountains", "night city", "open sea", "park", "river", "street", "village",
)

LABELS = (
    "sky", "cloud", "sun", "moon", "mountain", "water", "sand", "grass", "field", "road",
    "pavement", "snow", "rock", "tree", "bush", "flower", "house", "tower", "bridge", "fence",
    "lamp", "boat", "car", "person", "animal", "umbrella",
)

# What the segmentation model tells apart: labels that name kinds of one thing are one there. Things thinner than a
# patch have no label, as what ADE20K calls "other": they count neither in training nor in what is measured.
SEGMENT_OF = {"bush": "tree", "flower": "grass", "moon": "sun", "pavement": "road",
              "house": "building", "tower": "building", "bridge": "building"}
UNLABELLED, IGNORED = ("fence", "lamp", "umbrella"), 255
SEGMENTS = tuple(dict.fromkeys(SEGMENT_OF.get(name, name) for name in LABELS if name not in UNLABELLED))
SEGMENT_ID_OF_LABEL = tuple(IGNORED if name in UNLABELLED else SEGMENTS.index(SEGMENT_OF.get(name, name)) for name in LABELS)

LABEL_ID = {name: i for i, name in enumerate(LABELS)}
