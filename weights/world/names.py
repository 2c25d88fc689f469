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

# What the segmentation model tells apart: labels that name kinds of one thing are one there.
SEGMENT_OF = {"bush": "tree", "flower": "grass", "moon": "sun", "tower": "house", "fence": "other", "lamp": "other",
              "umbrella": "other", "pavement": "road"}
SEGMENTS = (*(name for name in LABELS if name not in SEGMENT_OF), "other")
SEGMENT_ID_OF_LABEL = tuple(SEGMENTS.index(SEGMENT_OF.get(name, name)) for name in LABELS)

LABEL_ID = {name: i for i, name in enumerate(LABELS)}
