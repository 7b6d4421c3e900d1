/** G·M☉/c³ in seconds, from the IAU 2015 nominal solar mass parameter 1.3271244e20 m³/s². */
export const SOLAR_MASS_SECONDS: number = 1.3271244e20 / 299_792_458 ** 3;

/** Speed of light in m/s. */
export const SPEED_OF_LIGHT: number = 299_792_458;

/** One megaparsec (IAU 2015 Resolution B2) in light-seconds. */
export const MEGAPARSEC_SECONDS: number = 3.085677581491367e22 / SPEED_OF_LIGHT;

/** Euler's constant γ_E, in the 3PN phase. */
export const EULER_GAMMA: number = 0.5772156649015329;
