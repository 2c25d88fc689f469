// The part of config.json that names the classes: num_labels, id2label, label2id.
#pragma once

#include "src/base/json_fields.h"
#include "src/beit/config.h"

namespace beit {

// Fills num_labels, id2label and label2id of `config`, or returns the kBadConfig error of a field.
Status readLabels(JsonFields& fields, BeitConfig& config);

}  // namespace beit
