"""The pictures of docs/PERFORMANCE.md: small SVG files that are the same for the same figures."""
import environment

COLOURS = {"skep": "#d95f02", "llama.cpp": "#1f78b4", "llama.cpp-no-repack": "#a6cee3",
           "llama-server": "#1f78b4", "openvino": "#666666"}


def panels(path, contents, label, titles, logarithmic=False):
    """A panel for each (title, {engine: {streams: value}}) of `contents`, values over streams."""
    import matplotlib
    matplotlib.use("svg")
    from matplotlib import pyplot
    # Text stays text, and nothing depends on the time or on chance.
    pyplot.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "skep", "font.size": 9,
                            "axes.spines.top": False, "axes.spines.right": False})
    columns = min(3, len(contents))
    rows = -(-len(contents) // columns)
    figure, grid = pyplot.subplots(rows, columns, figsize=(3.4 * columns, 2.6 * rows),
                                   squeeze=False, layout="constrained")
    shown = {}
    for axes, (title, engines) in zip(grid.flat, contents):
        for engine, points in engines.items():
            if points:
                streams = sorted(points)
                shown[engine], = axes.plot(streams, [points[n] for n in streams], marker="o",
                                           markersize=3, linewidth=1.4, color=COLOURS[engine])
        axes.set_title(title, fontsize=9)
        axes.set_xscale("log", base=2)
        ticks = sorted({n for points in engines.values() for n in points})
        axes.set_xticks(ticks, [str(n) for n in ticks])
        axes.minorticks_off()
        if logarithmic:
            axes.set_yscale("log")
        else:
            axes.set_ylim(bottom=0)
        axes.grid(axis="y", linewidth=0.3)
    for axes in grid.flat[len(contents):]:
        axes.axis("off")
    figure.supxlabel("streams at once", fontsize=9)
    figure.supylabel(label, fontsize=9)
    if shown:
        figure.legend(shown.values(), [titles[name] for name in shown], loc="outside upper center",
                      ncols=len(shown), frameon=False)
    figure.savefig(environment.PAGE.with_name(path), metadata={"Date": None, "Creator": None})
    pyplot.close(figure)
