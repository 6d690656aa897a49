"""The tables of runs with subnetworks, documented (Choenni et al. 2024)."""

from xling.report.schema import INTERVAL, SIGN, Schema

CHANGE = "end of the 95% bootstrap interval of the change, paired over test examples"
CORRELATION = {
    "r": "Pearson's correlation",
    "r_p": "its p-value",
    "rho": "Spearman's rank correlation",
    "rho_p": "its p-value",
}

SUBNETWORK_SCHEMAS = {
    "masks": Schema(
        "Which attention heads each language's subnetwork uses.",
        {
            "language": "language code",
            "layer": "layer, from 1",
            "head": "attention head of the layer, from 1",
            "on": "whether the subnetwork uses it",
        },
        required=False,
    ),
    "pruning": Schema(
        "Development accuracy while heads are switched off, step by step.",
        {
            "language": "language that the pruned model was fine-tuned on alone",
            "step": "step of the pruning; 0 is the unpruned model",
            "disabled": "number of heads that are off",
            "accuracy": "accuracy on the language's development set, 0 to 1",
            "kept": "whether this step is the language's subnetwork",
        },
        required=False,
    ),
    "mask_overlap": Schema(
        "Heads that two languages' subnetworks share.",
        {
            "language": "a language",
            "other": "another language, or the same",
            "layer": "layer, from 1; 0 is all layers together",
            "shared": "number of heads that both subnetworks use",
            "part": "shared heads as a part of those of `language`, 0 to 1, if it has any",
            "cosine": "cosine of the two masks, if both have heads on",
        },
        required=False,
        gaps=("part", "cosine"),
    ),
    "subnetwork_change": Schema(
        "How the shares of the training languages change when predictions go through a subnetwork.",
        {
            "sign": SIGN,
            "test_language": "language of the test examples",
            "train_language": "language of the training examples",
            "full": "mean part of the top-k set by the full model, 0 to 1",
            "subnetwork": "the same through the subnetwork",
            "change": "subnetwork less full",
            "low": f"lower {CHANGE}",
            "high": f"upper {CHANGE}",
            "p": "p-value, paired Wilcoxon signed-rank test over the test examples",
            "q": "p with the false discovery rate controlled over the table (Benjamini, Hochberg)",
            "test_examples": "number of test examples, which both models classify correctly",
        },
        required=False,
        gaps=("low", "high"),
    ),
    "subnetwork_accuracy": Schema(
        "Test accuracy of the full model and through each language's subnetwork.",
        {
            "language": "language code",
            "full": "accuracy of the full model, 0 to 1",
            "subnetwork": "accuracy through the subnetwork, 0 to 1",
            "change": "subnetwork less full",
            "low": f"lower {CHANGE}",
            "high": f"upper {CHANGE}",
            "p": "p-value, exact test of McNemar on the examples that one model alone gets right",
            "examples": "number of test examples",
        },
        required=False,
        gaps=("low", "high"),
    ),
    "modularity": Schema(
        "How far predictions rely on the test language's own training data alone.",
        {
            "language": "language of the test examples",
            "model": "full, subnetwork, or change from the one to the other",
            "value": "own share of the most positive less the base rate, over 1 less the base "
            "rate: 1 is the own language alone, 0 chance, below it avoidance of the own language",
            "low": f"lower {INTERVAL}",
            "high": f"upper {INTERVAL}",
            "test_examples": "number of test examples averaged over",
        },
        required=False,
        gaps=("value", "low", "high"),
    ),
    "specialization": Schema(
        "Own-language share and accuracy of each language at each epoch.",
        {
            "language": "language code",
            "epoch": "epoch, from 1",
            "own_share": "share of the language's own data in the most positive examples, computed "
            "from that epoch alone, 0 to 1",
            "accuracy": "accuracy on the language's development set through its subnetwork",
        },
        required=False,
        gaps=("accuracy",),
    ),
    "specialization_correlation": Schema(
        "Correlation of own-language share and accuracy over languages and epochs.",
        {
            "model": "what was traced: the subnetworks",
            **CORRELATION,
            "points": "number of languages times epochs",
        },
        required=False,
        gaps=tuple(CORRELATION),
    ),
    "similarity": Schema(
        "Overlap of two languages' subnetworks beside the influence between the languages.",
        {
            "test_language": "language of the test examples",
            "train_language": "another language, of the training examples",
            "sign": SIGN,
            "layer": "layer that the overlap is of, from 1; 0 is all layers together",
            "cosine": "cosine of the two masks, if both have heads on",
            "part": "shared heads as a part of those of the test language's subnetwork, if any",
            "share": "mean part of the top-k set, summed over the checkpoints, 0 to 1",
        },
        required=False,
        gaps=("cosine", "part"),
    ),
    "similarity_correlation": Schema(
        "Correlation, over pairs of languages, of the subnetworks' overlap with influence.",
        {
            "sign": SIGN,
            "measure": "of the overlap: cosine of the masks, or part of the test language's heads",
            "layer": "layer that the overlap is of, from 1; 0 is all layers together",
            **CORRELATION,
            "p_holm": "rho_p corrected for the number of layers (Holm); uncorrected in layer 0",
            "pairs": "number of ordered pairs of languages; those that share a language are not "
            "independent",
        },
        required=False,
        gaps=(*CORRELATION, "p_holm"),
    ),
    "correct": Schema(
        "Every test example, and which of the two models classify it correctly.",
        {
            "test_id": "id of the test example",
            "language": "language code",
            "full": "whether the full model does",
            "subnetwork": "whether the language's subnetwork does",
        },
        required=False,
    ),
}
"""The documentation of each table, by the name of its file."""
