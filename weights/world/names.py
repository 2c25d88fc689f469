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

LABEL_ID = {name: i for i, name in enumerate(LABELS)}
