export { defaultBankMasses } from "./bank-masses.ts";
export { type Binary, chirpMass, chirpTime } from "./binary.ts";
export {
  antennaPattern,
  arrivalDelay,
  type Detector,
  detector,
  knownIfos,
  lightTravelTime,
  type SkyLocation,
  siderealTime,
} from "./detectors.ts";
export { type DrawnInjection, type DrawOptions, drawInjections } from "./draw-injections.ts";
export { type FittingOptions, fittingFactors } from "./fitting-factor.ts";
export { type FrequencySeries, shifted } from "./frequency-series.ts";
export {
  addInjections,
  arrivalNs,
  type Injection,
  type NetworkOptions,
  networkSnr,
  optimalSnr,
  type ProjectedSignal,
  type ProjectionOptions,
  projectedSpectrum,
  projectInjection,
  scaleToSnr,
} from "./injection.ts";
export { drawMasses, type MassRegion } from "./mass-region.ts";
export { innerProduct, type Match, match, overlap, sigma, type Weighting } from "./match.ts";
export { createNoise, type Noise, type NoiseOptions } from "./noise.ts";
export { createPhenomD, type FrequencyDomainModel } from "./phenom-d.ts";
export { type Placement, type PlacementOptions, placeTemplates } from "./placement.ts";
export {
  advancedLigoDesign,
  advancedVirgoDesign,
  flatPsd,
  initialLigo,
  interpolatePsd,
  kagraDesign,
  type PsdModel,
  psdModels,
  samplePsd,
  tabulatedPsd,
} from "./psd-models.ts";
export { createRandom, type Random } from "./random.ts";
export type { Remnant } from "./remnant.ts";
export { type SimulationOptions, simulateStrain } from "./simulate.ts";
export {
  createTemplate,
  createTemplateBank,
  type Template,
  type TemplateBank,
  type TemplateBankOptions,
  type TemplateShape,
} from "./templates.ts";
export { createWaveform, toFrequency, toTime, type WaveformOptions, waveformSize } from "./waveform.ts";
