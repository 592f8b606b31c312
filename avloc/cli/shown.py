"""Which function shows the result of a command: by the name of the type that its verb returns."""

SHOWN = {
    "Prepared": "show_data.show_prepared",
    "SyntheticWorld": "show_data.show_world",
    "Checked": "show_data.show_check",
    "Shown": "show_data.show_clip",
    "Exported": "show_data.show_export",
    "Fetched": "show_data.show_fetched",
    "PseudoLabels": "show_data.show_labels",
    "Recipes": "show_data.show_recipes",
    "Trained | Rehearsed": "show_training.show_training",
    "Ran | RunRehearsed": "show_sweep.show_ran",
    "Swept": "show_sweep.show_swept",
    "Clustered": "show_runs.show_clusters",
    "Matched": "show_runs.show_matching",
    "Visualized": "show_runs.show_drawn",
    "ModelCard": "show_runs.show_card",
    "Info": "show_models.show_info",
    "ModelFile": "show_models.show_exported",
    "Calibrated": "show_models.show_calibrated",
    "Predicted | Overlays": "show_predict.show_predicted",
    "Imported": "show_runs.show_imported",
    "Doctor": "show_doctor.show_doctor",
    "Demo": "show_runs.show_demo",
    "Evaluated": "show_scores.show_evaluated",
    "Scoring": "show_scores.show_scoring",
    "Compared": "show_scores.show_comparison",
    "Leaderboard": "show_scores.show_leaderboard",
    "WeightsListed": "show_weights.show_list",
    "WeightsFetched": "show_weights.show_fetched",
    "WeightsPath": "show_weights.show_path",
    "Listed": "show_scores.show_benchmarks",
    "Verified": "show_verify.show_verified",
}

#: checks whose failure gives exit status 1
FAILED = {
    "Swept": "show_sweep.sweep_failed",
    "Doctor": "show_doctor.doctor_failed",
    "Checked": "show_data.check_failed",
    "Matched": "show_runs.matching_failed",
    "Verified": "show_verify.verify_failed",
}
