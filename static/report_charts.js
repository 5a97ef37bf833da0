// report_charts.js: a comparison's charts as pictures, for a document that runs no script: light
// colours, twice as many pixels as they take on the page, once wide and once for narrow screens.

import { themedData } from './charts.js';
import { themedOptions } from './chart_scales.js';
import { chartsOf } from './compare_charts.js';

const WIDE = 920;
const NARROW = 360;
const PIXELS = 2;

// Colours are resolved against the document, so it is light while the charts are drawn; nothing of
// that is seen, because nothing is painted before this function returns.
function inLight(draw) {
  const root = document.documentElement;
  const before = root.dataset.theme;
  root.dataset.theme = 'light';
  try {
    return draw();
  } finally {
    if (before === undefined) delete root.dataset.theme;
    else root.dataset.theme = before;
  }
}

// A picture is looked at from paper too: on white, not on nothing.
const paper = {
  id: 'paper',
  beforeDraw(chart) {
    const { ctx, width, height } = chart;
    ctx.save();
    ctx.fillStyle = '#ffffff';
    ctx.fillRect(0, 0, width, height);
    ctx.restore();
  },
};

function picture(config, width) {
  const canvas = document.createElement('canvas');
  canvas.width = width;
  canvas.height = config.height;
  const options = {
    ...themedOptions(config),
    responsive: false,
    animation: false,
    devicePixelRatio: PIXELS,
    events: [],
  };
  const drawn = new window.Chart(canvas, {
    type: config.type,
    data: themedData(config),
    options,
    plugins: [paper],
  });
  const data = canvas.toDataURL('image/png');
  drawn.destroy();
  return { data, width, height: config.height };
}

// What chartsOf gives, each chart with `wide` and `narrow`: {data (a data URL), width, height}.
export function picturesOf(comparison) {
  if (!window.Chart) throw new Error('the chart library could not be loaded');
  return inLight(() => {
    const narrow = chartsOf(comparison, { narrow: true });
    return chartsOf(comparison).map((part, i) =>
      part.config
        ? { ...part, wide: picture(part.config, WIDE), narrow: picture(narrow[i].config, NARROW) }
        : part,
    );
  });
}
